import errno

import pytest
import torch
from transformers import AutoModelForCausalLM, GgufConfig

from graphllm.compress import (
    DropBlocks,
    DropFFN,
    FFNWidth,
    Int8,
    agreement,
    check_gguf,
    compress_,
    export_gguf,
    size_of,
)
from graphllm.compress.gguf import export
from graphllm.compress.perplexity import read
from graphllm.errors import CompressionError
from graphllm.llm.gguf import quiet


def back(path):
    """What transformers makes of the file."""
    with quiet():
        return AutoModelForCausalLM.from_pretrained(
            path.parent,
            gguf_file=path.name,
            dtype=torch.float32,
            quantization_config=GgufConfig(dequantize=True),
        )


def model_of(tiny_model, name):
    # transformers takes the 1024 positions of every GPT-2 for granted.
    options = {"n_positions": 1024} if name == "gpt2" else {}
    return tiny_model(name, vocab_size=300, **options)


@pytest.mark.parametrize("name", ["llama", "qwen2", "mistral", "gpt2"])
def test_transformers_reads_the_same_model(
    tiny_model, tiny_tokens, byte_tokenizer, tmp_path, name
):
    model = model_of(tiny_model, name)
    path = export_gguf(model, byte_tokenizer, tmp_path / "m.gguf", "F32")
    ids = tiny_tokens(1, 20)[0]
    assert torch.allclose(read(back(path), ids), read(model, ids), atol=1e-4)
    assert [each.name for each in tmp_path.iterdir()] == ["m.gguf"]


@pytest.mark.parametrize(
    "config",
    [
        FFNWidth(0.5, score="magnitude", refit=False),
        DropBlocks(blocks=(1,)),
        Int8(),
    ],
    ids=lambda config: config.method,
)
def test_compressed_models_are_exported(
    tiny_model, tiny_tokens, byte_tokenizer, tmp_path, config
):
    model = model_of(tiny_model, "llama")
    compress_(model, config)
    path = export_gguf(model, byte_tokenizer, tmp_path / "m.gguf", "F32")
    ids = tiny_tokens(1, 20)[0]
    assert torch.allclose(read(back(path), ids), read(model, ids), atol=1e-3)


def test_fewer_bits_are_fewer_bytes(tiny_model, tiny_tokens, byte_tokenizer, tmp_path):
    model = model_of(tiny_model, "llama")
    found = {}
    for dtype in ("F16", "Q8_0", "Q4_0"):
        path = export_gguf(model, byte_tokenizer, tmp_path / f"{dtype}.gguf", dtype)
        near = agreement(model, back(path), tiny_tokens(2, 30))
        found[dtype] = (size_of(path), near.kl)
    sizes, divergences = zip(*found.values(), strict=True)
    assert sorted(sizes, reverse=True) == list(sizes)
    assert sorted(divergences) == list(divergences)
    assert divergences[1] < 0.01 < divergences[2]


def test_llama_cpp_computes_the_same(tiny_model, byte_tokenizer, tmp_path):
    pytest.importorskip("xllamacpp", reason="llama.cpp is not installed")
    from graphllm.llm import LlamaCppLLM, Message, Request, TransformersLLM

    model = tiny_model("llama", vocab_size=300, seed=3)
    path = export_gguf(model, byte_tokenizer, tmp_path / "m.gguf", "F32")
    request = Request((Message("user", "A graph has nodes"),), max_new_tokens=8)
    (expected,) = TransformersLLM(model, byte_tokenizer).complete([request])
    (found,) = LlamaCppLLM(path).complete([request])
    assert found.text == expected.text != ""


def write(model, tokenizer, path, *dtype):
    export_gguf(model, tokenizer, path, *dtype)


def check(model, tokenizer, path, *dtype):
    check_gguf(model, tokenizer, *dtype)


@pytest.mark.parametrize("work", [write, check])
def test_what_has_no_counterpart(tiny_model, byte_tokenizer, tmp_path, work):
    path = tmp_path / "m.gguf"
    check_gguf(model_of(tiny_model, "llama"), byte_tokenizer, "Q4_0")
    with pytest.raises(CompressionError, match="cannot export 'opt'"):
        work(model_of(tiny_model, "opt"), byte_tokenizer, path)
    model = model_of(tiny_model, "llama")
    with pytest.raises(CompressionError, match="in type 'Q3_K'"):
        work(model, byte_tokenizer, path, "Q3_K")
    compress_(model, DropFFN(blocks=(1,)))
    with pytest.raises(CompressionError, match="feed-forward layers were removed"):
        work(model, byte_tokenizer, path)
    scaled = model_of(tiny_model, "llama")
    scaled.config.rope_parameters["rope_type"] = "yarn"
    with pytest.raises(CompressionError, match="rotary scaling 'yarn'"):
        work(scaled, byte_tokenizer, path)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing(tiny_model, byte_tokenizer, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(export, "_add_tensors", full)
    with pytest.raises(CompressionError, match="No space left"):
        export_gguf(model_of(tiny_model, "llama"), byte_tokenizer, tmp_path / "m.gguf")
    assert list(tmp_path.iterdir()) == []
