import os
import shutil

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from graphllm.cache_dir import cache_dir
from graphllm.errors import ModelNotFoundError
from graphllm.llm.gguf import convert_gguf, file_identity, read_gguf


def test_identity_follows_the_content_alone(tiny_gguf, tmp_path):
    name = file_identity(tiny_gguf)
    stem, _, digest = name.partition("@")
    assert stem == "tiny"
    assert len(digest) == 12
    copy = tmp_path / "tiny.gguf"
    shutil.copy(tiny_gguf, copy)
    os.utime(copy, (0, 0))
    assert file_identity(copy) == name
    content = bytearray(copy.read_bytes())
    content[-20] ^= 1
    copy.write_bytes(content)
    assert file_identity(copy) != name


def test_identity_of_no_model(tmp_path):
    other = tmp_path / "x.gguf"
    other.write_bytes(b"PK" * 100)
    with pytest.raises(ModelNotFoundError, match="not a GGUF file"):
        file_identity(other)
    with pytest.raises(ModelNotFoundError, match="cannot read the model"):
        file_identity(tmp_path / "absent.gguf")


@pytest.fixture(scope="module")
def converted(tiny_gguf, tmp_path_factory):
    return convert_gguf(tiny_gguf, tmp_path_factory.mktemp("converted"))


def test_converted_model_computes_the_same(converted, tiny_model):
    model = AutoModelForCausalLM.from_pretrained(converted)
    ids = torch.arange(3, 40).unsqueeze(0)
    with torch.no_grad():
        expected, logits = tiny_model(ids).logits, model(ids).logits
    assert torch.equal(logits, expected)
    assert "quantization_config" not in model.config.to_dict()


def test_a_file_is_read_without_a_folder(tiny_gguf, tiny_model, tmp_path, capfd):
    model = read_gguf(tiny_gguf)
    ids = torch.arange(3, 40).unsqueeze(0)
    with torch.no_grad():
        assert torch.equal(model(ids).logits, tiny_model(ids).logits)
    assert capfd.readouterr() == ("", "")
    path = tmp_path / "bad.gguf"
    path.write_bytes(b"GGUF" + b"\0" * 200)
    with pytest.raises(ModelNotFoundError, match="cannot read"):
        read_gguf(path)


def test_converted_tokenizer_is_the_same(converted, tiny_tokenizer):
    tokenizer = AutoTokenizer.from_pretrained(converted)
    assert tokenizer.chat_template == tiny_tokenizer.chat_template
    assert tokenizer.eos_token == "<|im_end|>"
    for text in (
        "a graph,  of 12\n\n  34 edges",
        "<|im_start|>user\nÜ 🧠   7<|im_end|>",
    ):
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        expected = tiny_tokenizer(text, add_special_tokens=False)["input_ids"]
        assert ids == expected
        assert tokenizer.decode(ids) == text


def test_answers_end_at_every_end_of_turn(converted):
    model = AutoModelForCausalLM.from_pretrained(converted)
    assert model.generation_config.eos_token_id == [0, 2]


def test_second_conversion_reads_nothing(tiny_gguf, converted, monkeypatch):
    monkeypatch.setattr("graphllm.llm.gguf._write", lambda *_: pytest.fail("again"))
    assert convert_gguf(tiny_gguf, converted.parent) == converted


def test_interrupted_conversion_leaves_nothing(tiny_gguf, tmp_path, monkeypatch):
    def stop(path, folder):
        (folder / "config.json").write_text("{}")
        raise KeyboardInterrupt

    monkeypatch.setattr("graphllm.llm.gguf._write", stop)
    with pytest.raises(KeyboardInterrupt):
        convert_gguf(tiny_gguf, tmp_path / "models")
    assert list((tmp_path / "models").iterdir()) == []


def test_faster_process_wins(tiny_gguf, tmp_path, monkeypatch):
    target = tmp_path / file_identity(tiny_gguf)

    def write(path, folder):
        (folder / "config.json").write_text("mine")
        target.mkdir()
        (target / "config.json").write_text("theirs")

    monkeypatch.setattr("graphllm.llm.gguf._write", write)
    assert convert_gguf(tiny_gguf, tmp_path) == target
    assert (target / "config.json").read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [target]


def test_folder_is_in_the_cache(tiny_gguf, monkeypatch):
    def write(path, folder):
        (folder / "config.json").write_text("{}")

    monkeypatch.setattr("graphllm.llm.gguf._write", write)
    assert convert_gguf(tiny_gguf).parent == cache_dir() / "models"


def test_damaged_file_is_one_line(tmp_path):
    path = tmp_path / "bad.gguf"
    path.write_bytes(b"GGUF" + b"\0" * 200)
    with pytest.raises(ModelNotFoundError, match="cannot read") as caught:
        convert_gguf(path, tmp_path)
    assert "\n" not in str(caught.value)


def test_conversion_is_silent(tiny_gguf, tmp_path, capfd):
    convert_gguf(tiny_gguf, tmp_path)
    assert capfd.readouterr() == ("", "")
