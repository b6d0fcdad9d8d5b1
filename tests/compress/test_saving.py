import errno
import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from graphllm.compress import (
    Calibration,
    CompressionConfig,
    DropBlocks,
    DropFFN,
    DynamicInt8,
    FFNSkip,
    FFNWidth,
    Int4,
    Int8,
    Magnitude,
    UniformSVD,
    compress_,
    is_compressed,
    load,
    save,
    saving,
)
from graphllm.compress.blocks import find_blocks
from graphllm.compress.ffn.parts import feed_forward, narrow_
from graphllm.compress.perplexity import read
from graphllm.errors import CompressionError

METHODS = [
    Magnitude(0.5),
    FFNWidth(0.25, score="magnitude", refit=False),
    FFNSkip("static", blocks=(1,), warm_up=2),
    DropBlocks(blocks=(1,)),
    DropFFN(blocks=(1,)),
    UniformSVD(0.6, whiten=False),
    Int8(),
    Int4(group_size=16),
    DynamicInt8(),
]


@pytest.mark.parametrize(
    ("config", "name"),
    [
        *((config, name) for config in METHODS for name in ("llama", "gpt2")),
        *((Int8(), name) for name in ("qwen2", "mistral", "opt", "gpt_neox")),
        *((config, "opt") for config in (*METHODS[1:3], METHODS[4])),
    ],
    ids=lambda each: getattr(each, "method", each),
)
def test_what_is_loaded_is_what_was_saved(
    tiny_model, tiny_tokens, tmp_path, config, name
):
    model, ids = tiny_model(name), tiny_tokens(1, 12)[0]
    compress_(model, config, Calibration(tiny_tokens()))
    save(model, tmp_path / "m")
    assert is_compressed(tmp_path / "m")
    found = load(tmp_path / "m")
    assert torch.equal(read(found, ids), read(model, ids))
    assert [CompressionConfig.from_dict(each) for each in found.compression] == [config]
    state, other = model.state_dict(), found.state_dict()
    assert state.keys() == other.keys()
    assert all(torch.equal(state[key], other[key]) for key in state)
    assert all(state[key].dtype == other[key].dtype for key in state)
    # Once more, from what was loaded.
    save(found, tmp_path / "again")
    assert torch.equal(read(load(tmp_path / "again"), ids), read(model, ids))


@pytest.mark.parametrize("config", METHODS[:4], ids=lambda config: config.method)
def test_plain_transformers_loads_what_it_can(
    tiny_model, tiny_tokens, tmp_path, config
):
    model, ids = tiny_model("llama"), tiny_tokens(1, 12)[0]
    compress_(model, config)
    save(model, tmp_path / "m")
    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "m")
    same = torch.allclose(read(plain, ids), read(model, ids), atol=1e-6)
    assert same == (config.method != "ffn_skip")  # whose weights are the dense ones


def test_plain_transformers_refuses_what_it_cannot(tiny_model, tmp_path):
    model = tiny_model("llama")
    narrow_(feed_forward(find_blocks(model)[0]), torch.arange(8))
    save(model, tmp_path / "m")
    with pytest.raises(OSError, match=r"no file named model.safetensors"):
        AutoModelForCausalLM.from_pretrained(tmp_path / "m")


@pytest.mark.parametrize("config", [Magnitude(0.5), Int8()])
def test_tied_weights_are_stored_once_and_stay_tied(
    tiny_model, tiny_tokens, tmp_path, config
):
    model = tiny_model("llama", tie_word_embeddings=True)
    compress_(model, config)
    save(model, tmp_path / "m")
    (weights,) = (tmp_path / "m").glob("*.safetensors")
    stored = load_file(weights)
    assert not any(key.startswith("lm_head") for key in stored)
    found, ids = load(tmp_path / "m"), tiny_tokens(1, 9)[0]
    assert torch.equal(read(found, ids), read(model, ids))
    state = found.state_dict()
    heads = [key for key in state if key.startswith("lm_head")]
    assert heads
    for key in heads:
        twin = state[key.replace("lm_head", "model.embed_tokens")]
        assert state[key].data_ptr() == twin.data_ptr()


@pytest.mark.slow  # a new interpreter imports torch and transformers
def test_chained_methods_and_a_fresh_process(tiny_model, tiny_tokens, tmp_path):
    model, ids = tiny_model("llama"), tiny_tokens(4, 16)
    compress_(model, FFNWidth(0.25), Calibration(ids))
    compress_(model, Int4(group_size=16))
    compress_(model, FFNSkip(cold_start=1, cold_end=1))
    save(model, tmp_path / "m")
    script = (
        "import sys, torch; from graphllm.compress import load\n"
        "model = load(sys.argv[1]); ids = torch.arange(3, 9)[None]\n"
        "print(model(input_ids=ids).logits.double().sum().item(),"
        " model.ffn_skip.plan.blocks, len(model.compression))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "m")],
        capture_output=True,
        text=True,
        check=True,
    )
    total = model(input_ids=torch.arange(3, 9)[None]).logits.double().sum().item()
    assert float(done.stdout.split()[0]) == pytest.approx(total, rel=1e-5)
    assert done.stdout.split(maxsplit=1)[1].strip() == "(1,) 3"


def test_an_older_model_is_replaced_and_nothing_else(tiny_model, tmp_path):
    save(tiny_model("llama"), tmp_path / "m")
    save(tiny_model("gpt2"), tmp_path / "m")
    assert load(tmp_path / "m").config.model_type == "gpt2"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    for path in (tmp_path / "mine", tmp_path / "mine" / "thesis.txt"):
        with pytest.raises(CompressionError, match="holds no compressed model"):
            save(tiny_model("llama"), path)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["m", "mine"]


@pytest.mark.parametrize("before", [True, False])
def test_a_full_disk_leaves_what_was_there(tiny_model, tmp_path, monkeypatch, before):
    if before:
        save(tiny_model("llama"), tmp_path / "m")

    def full(tensors, path, metadata):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(saving, "save_file", full)
    with pytest.raises(CompressionError, match=r"No space left.*free some space"):
        save(tiny_model("gpt2"), tmp_path / "m")
    monkeypatch.undo()
    assert [each.name for each in tmp_path.iterdir()] == (["m"] if before else [])
    if before:
        assert load(tmp_path / "m").config.model_type == "llama"


def test_a_disk_that_is_full_for_the_tokenizer(tiny_model, tmp_path):
    class Tokenizer:
        def save_pretrained(self, folder):
            raise Exception("No space left on device (os error 28)")

    with pytest.raises(CompressionError, match=r"No space left.*free some space"):
        save(tiny_model("llama"), tmp_path / "m", Tokenizer())
    assert not list(tmp_path.iterdir())


def test_a_tensor_of_another_library_is_not_saved(tiny_model, tmp_path):
    class Packed(torch.Tensor):
        pass

    model = tiny_model("llama")
    weight = model.model.norm.weight.detach().as_subclass(Packed)
    model.model.norm.register_buffer("packed", weight)
    with pytest.raises(CompressionError, match=r"'model\.norm\.packed' is a Packed"):
        save(model, tmp_path / "m")


def test_a_link_is_followed(tiny_model, tmp_path):
    save(tiny_model("llama"), tmp_path / "m")
    (tmp_path / "link").symlink_to(tmp_path / "m")
    save(tiny_model("gpt2"), tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert load(tmp_path / "m").config.model_type == "gpt2"


def edit(path, **changes):
    facts = json.loads((path / "compression.json").read_text())
    (path / "compression.json").write_text(json.dumps({**facts, **changes}))


def cut(path):
    whole = (path / "model.safetensors").read_bytes()
    (path / "model.safetensors").write_bytes(whole[: len(whole) // 2])


def lose(path):
    tensors = load_file(path / "model.safetensors")
    del tensors["model.norm.weight"]
    save_file(tensors, path / "model.safetensors")


def widen(path):
    tensors = load_file(path / "model.safetensors")
    tensors["model.norm.weight"] = torch.ones(33)
    save_file(tensors, path / "model.safetensors")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: edit(path, version=2), "is of version 2; this graphllm reads"),
        (lambda path: (path / "compression.json").unlink(), "no compressed model at"),
        (lambda path: (path / "compression.json").write_text("{"), "is damaged"),
        (lambda path: (path / "compression.json").write_text("[]"), "is damaged"),
        (lambda path: (path / "config.json").write_text("{"), "is damaged"),
        (lambda path: (path / "config.json").unlink(), "is damaged"),
        (lambda path: (path / "model.safetensors").unlink(), "is damaged"),
        (cut, "is damaged"),
        (lose, "'model.norm.weight' is missing"),
        (widen, "is damaged.*size mismatch"),
        (
            lambda path: edit(path, modules={"model.norm": {"kind": "pickle"}}),
            "unknown kind of module 'pickle'",
        ),
        (
            lambda path: edit(path, modules={"model.no": {"kind": "nothing"}}),
            "is damaged",
        ),
        (lambda path: edit(path, skip={"mode": "static"}), "FFN-skip is damaged"),
    ],
)
def test_damaged_directories(tiny_model, tmp_path, damage, message):
    save(tiny_model("llama"), tmp_path / "m")
    damage(tmp_path / "m")
    with pytest.raises(CompressionError, match=message) as caught:
        load(tmp_path / "m")
    assert "\n" not in str(caught.value)
