from types import SimpleNamespace

import pytest

from graphllm.cli.compress_choices import (
    METHODS,
    OPTIONS,
    check,
    config_of,
    reads_text,
)
from graphllm.compress import (
    AWQ,
    GPTQ,
    OWL,
    RTN,
    DropBlocks,
    DropFFN,
    DynamicInt8,
    FFNSkip,
    FFNWidth,
    Int8,
    Magnitude,
    SparseGPT,
    UniformSVD,
    Wanda,
    WeLore,
    compress_,
)
from graphllm.errors import CompressionError, GraphLLMError
from graphllm.testing.tiny_llms import byte_tokenizer, tiny_llm


def given(method, **told):
    return SimpleNamespace(**{**dict.fromkeys(OPTIONS), "method": method, **told})


def told(tmp_path, **change):
    """What :func:`check` looks at."""
    return SimpleNamespace(
        **{
            "method": "this",
            "model": "smollm2",
            "calibration": "pydocs",
            "text": "pydocs",
            "repair": None,
            "repair_lr": None,
            "gguf": None,
            "out": tmp_path / "new",
            **change,
        }
    )


@pytest.mark.parametrize(
    ("asked", "config"),
    [
        (given("wanda", ratio=0.3, allocate="owl"), Wanda(0.3, allocate=OWL())),
        (given("magnitude", pattern="2:4"), Magnitude(pattern="2:4")),
        (given("uniform-svd", whiten=True), UniformSVD(whiten=True)),
        (given("gptq", bits=3, packed=True), GPTQ(3, packed=True)),
        (given("ffn-width", ratio=0.2), FFNWidth(0.2)),
        (given("ffn-skip", ratio=0.2), FFNSkip("static", ratio=0.2)),
        (given("ffn-skip", threshold=0.9, k=3), FFNSkip(threshold=0.9, k=3)),
        (given("drop-blocks", ratio=0.2), DropBlocks(0.2)),
        (given("welore", only_lrc=False), WeLore(only_lrc=False)),
        (
            given("ffn-width", ratio=0.2, multiple_of=32, refit=False),
            FFNWidth(0.2, multiple_of=32, refit=False),
        ),
        (given("drop-blocks", blocks="5, 3"), DropBlocks(blocks=(5, 3))),
        (given("drop-ffn", blocks="0"), DropFFN(blocks=(0,))),
        (given("ffn-skip", blocks="1,2"), FFNSkip("static", blocks=(1, 2))),
        (given("int8"), Int8()),
    ],
)
def test_options_become_a_configuration(asked, config):
    assert config_of(asked) == config


@pytest.mark.parametrize("blocks", ["", ",", "one", "-1", "1.5", "1;2"])
def test_blocks_that_are_no_numbers(blocks):
    with pytest.raises(GraphLLMError, match="numbers of blocks from 0"):
        config_of(given("drop-ffn", blocks=blocks))


def test_every_method_has_a_name_of_its_own():
    assert len(METHODS) == 15
    assert all(kind.method.replace("_", "-") == name for name, kind in METHODS.items())


def test_what_an_option_means_nothing_to_says_what_it_takes():
    with pytest.raises(
        GraphLLMError, match=r"'--bits' means nothing to wanda.*--ratio"
    ):
        config_of(given("wanda", ratio=0.5, bits=4))
    with pytest.raises(GraphLLMError, match=r"means nothing to int8; leave it out$"):
        config_of(given("int8", ratio=0.5))


@pytest.mark.parametrize(
    "config",
    [
        Magnitude(0.5),
        Magnitude(0.5, allocate="alpha"),
        Magnitude(0.5, allocate="owl"),
        Wanda(0.5),
        SparseGPT(0.5),
        WeLore(0.4),
        WeLore(0.4, whiten=False),
        UniformSVD(0.4),
        UniformSVD(0.4, whiten=True),
        RTN(),
        GPTQ(group_size=16),
        AWQ(group_size=16),
        Int8(),
        DynamicInt8(),
        DynamicInt8(threshold=50.0),
        FFNWidth(0.2),
        FFNWidth(0.2, score="magnitude", refit=False),
        DropFFN(0.4),
        DropFFN(blocks=(0,)),
        DropBlocks(0.4),
        DropBlocks(blocks=(0,)),
        FFNSkip("static", blocks=(1,)),
        FFNSkip(),
    ],
)
def test_methods_that_read_text_are_those_that_refuse_to_go_without(config):
    if isinstance(config, RTN) and not isinstance(config, GPTQ | AWQ):
        config = RTN(group_size=16)
    model = tiny_llm("llama", byte_tokenizer())
    if not reads_text(config):
        assert compress_(model, config).config["method"] == config.method
        return
    with pytest.raises(CompressionError, match="calibration"):
        compress_(model, config)


def test_gguf_types_in_any_case(tmp_path):
    asked = told(tmp_path, gguf="q8_0")
    check(asked, Int8())
    assert asked.gguf == "Q8_0"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"repair": "full"}, "unknown repair 'full'"),
        ({"gguf": "q9"}, "unknown GGUF type 'Q9'"),
    ],
)
def test_refusals(tmp_path, change, said):
    with pytest.raises(GraphLLMError, match=said):
        check(told(tmp_path, **change), Int8())


def test_a_file_where_the_directory_should_be(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(GraphLLMError, match="give another --out"):
        check(told(tmp_path, out=tmp_path / "file"), Int8())


@pytest.mark.parametrize(
    ("repair", "config", "said"),
    [
        ("lora", Int8(), "leaves few values"),
        ("sparse_lora", RTN(packed=True), "leaves few values"),
        ("lora", GPTQ(), "leaves few values"),
        ("lora", Wanda(0.5), "fills the zeros"),
        ("low_rank", Wanda(0.5), "leaves none"),
    ],
)
def test_repairs_that_have_nothing_to_train(tmp_path, repair, config, said):
    with pytest.raises(GraphLLMError, match=said):
        check(told(tmp_path, repair=repair), config)


@pytest.mark.parametrize("rate", [0.0, -1e-4, float("nan")])
def test_a_rate_that_teaches_nothing(tmp_path, rate):
    with pytest.raises(GraphLLMError, match="'--repair-lr' must be positive"):
        check(told(tmp_path, repair="lora", repair_lr=rate), FFNWidth(0.2))


@pytest.mark.parametrize(
    ("repair", "config"),
    [("lora", FFNWidth(0.2)), ("sparse_lora", Wanda(0.5)), ("low_rank", WeLore())],
)
def test_repairs_that_have(tmp_path, repair, config):
    check(told(tmp_path, repair=repair), config)
