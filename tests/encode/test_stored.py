import pytest
import torch
from safetensors.torch import save_file

from graphllm.encode import StoredEncoder
from graphllm.errors import EmbeddingError


class Counting:
    """Length and number of e's; remembers what it had to read."""

    def __init__(self, name="counting"):
        self.id = name
        self.read = []

    def __call__(self, texts):
        self.read += texts
        return torch.tensor([[float(len(t)), t.count("e")] for t in texts]).view(-1, 2)


def test_vectors_are_those_of_the_encoder(tmp_path):
    texts = ["one", "three", "one", ""]
    stored = StoredEncoder(Counting(), tmp_path)
    assert torch.equal(stored(texts), Counting()(texts))
    assert stored([]).shape == (0, 2)


def test_a_text_is_read_once_and_by_the_next_run_not_at_all(tmp_path):
    first = Counting()
    stored = StoredEncoder(first, tmp_path)
    stored(["a", "b", "a"])
    stored(["b", "c"])
    assert first.read == ["a", "b", "c"]
    second = Counting()
    again = StoredEncoder(second, tmp_path)
    assert torch.equal(again(["c", "a", "b"]), Counting()(["c", "a", "b"]))
    assert second.read == []


def test_another_encoder_has_its_own(tmp_path):
    StoredEncoder(Counting(), tmp_path)(["a"])
    other = Counting("other")
    StoredEncoder(other, tmp_path)(["a"])
    assert other.read == ["a"]
    assert StoredEncoder(other, tmp_path).id == "other"


def test_lone_surrogates_are_texts_too(tmp_path):
    stored = StoredEncoder(Counting(), tmp_path)
    assert stored(["\ud800x"]).tolist() == [[2.0, 0.0]]


def test_a_broken_file_is_one_clear_line(tmp_path):
    stored = StoredEncoder(Counting(), tmp_path)
    stored(["a"])
    (path,) = stored.folder.glob("*.safetensors")
    path.write_bytes(b"half a file")
    with pytest.raises(EmbeddingError, match="delete it"):
        StoredEncoder(Counting(), tmp_path)
    save_file({"rows": torch.zeros(3, 2)}, path, metadata={"texts": "aa,bb"})
    with pytest.raises(EmbeddingError, match="3 rows for 2 texts"):
        StoredEncoder(Counting(), tmp_path)


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    stored = StoredEncoder(Counting(), tmp_path / "file")
    with pytest.raises(EmbeddingError, match="GRAPHLLM_CACHE"):
        stored(["a"])
