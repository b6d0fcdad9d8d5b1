from types import SimpleNamespace

import pytest

from graphllm.cli.compress_choices import OPTIONS
from graphllm.cli.compress_run import run
from graphllm.errors import GraphLLMError, UnknownNameError
from graphllm.testing import sbm_text_graph
from graphllm.testing.tiny_llms import byte_tokenizer, tiny_llm


@pytest.fixture
def given(tmp_path):
    tokenizer = byte_tokenizer()
    tiny_llm("llama", tokenizer).save_pretrained(tmp_path / "dense")
    tokenizer.save_pretrained(tmp_path / "dense")
    words = " ".join(sbm_text_graph(60).text)
    (tmp_path / "seen.txt").write_text(words[: len(words) // 2])
    (tmp_path / "held.txt").write_text(words[len(words) // 2 :])
    return SimpleNamespace(
        **dict.fromkeys(OPTIONS),
        model=str(tmp_path / "dense"),
        method="int8",
        calibration=str(tmp_path / "seen.txt"),
        sequences=3,
        length=16,
        text=str(tmp_path / "held.txt"),
        windows=2,
        window=16,
        repeats=0,
        repair=None,
        repair_steps=None,
        repair_lr=None,
        repair_rank=None,
        kl_weight=None,
        gguf=None,
        seed=0,
        device="cpu",
        data_root=None,
        out=tmp_path / "out",
    )


def test_a_method_that_reads_no_text_needs_none(given):
    given.calibration = "nowhere"
    study = run(given).details["study"]
    assert study["calibration"] is None
    assert study["text"]["name"] == given.text


def test_the_repair_has_sequences_of_its_own(given):
    given.method, given.repair, given.ratio = "magnitude", "sparse_lora", 0.5
    given.repair_steps = 2
    study = run(given).details["study"]
    assert study["calibration"] is None
    assert len(study["repair"]["losses"]) == 2
    assert study["repair"]["sequences"] == 2 * 4
    assert study["repair"]["name"] == given.calibration


def test_names_of_both_texts_are_told(given):
    given.method, given.ratio = "wanda", 0.5
    result = run(given)
    study = result.details["study"]
    assert study["calibration"] == {
        "sequences": 3,
        "length": 16,
        "name": given.calibration,
    }
    assert result.config["ratio"] == 0.5


def test_what_skips_after_some_tokens_is_timed_on_more(given, monkeypatch):
    told = []

    def refuse(model, tokenizer, config, measure, out, **_):
        told.append(measure.decode)
        raise GraphLLMError("seen")

    monkeypatch.setattr("graphllm.cli.compress_run.run_compression", refuse)
    for method, warm_up in (("int8", None), ("ffn-skip", 60)):
        given.method, given.warm_up = method, warm_up
        with pytest.raises(GraphLLMError, match="seen"):
            run(given)
    assert told == [48, 108]


def test_options_are_refused_before_the_model_is_opened(given):
    given.model, given.repair = "nowhere", "full"
    with pytest.raises(UnknownNameError, match="repair"):
        run(given)
    given.repair = None
    with pytest.raises(GraphLLMError, match="no model 'nowhere'"):
        run(given)
    assert not given.out.exists()
