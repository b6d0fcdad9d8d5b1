import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from graphllm.data import text_fingerprint
from graphllm.encode import load_embeddings, read_manifest, save_embeddings
from graphllm.errors import EmbeddingError

TEXTS = ["a star", "", "an oven"]


@pytest.fixture
def stored(tmp_path):
    x = torch.randn(3, 4)
    save_embeddings(tmp_path / "x", x, TEXTS, encoder_id="enc/1", pooling="mean")
    return tmp_path / "x", x


def test_round_trip(stored):
    path, x = stored
    assert torch.equal(load_embeddings(path, TEXTS, encoder_id="enc/1"), x)
    assert torch.equal(load_embeddings(path), x)


def test_manifest(stored):
    manifest = read_manifest(stored[0])
    assert len(manifest.pop("checksum")) == 16
    assert manifest == {
        "schema": 1,
        "encoder": "enc/1",
        "pooling": "mean",
        "text_fingerprint": text_fingerprint(TEXTS),
        "rows": 3,
        "dim": 4,
        "dtype": "float32",
    }


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_dtype_is_kept(tmp_path, dtype):
    x = torch.randn(2, 3).to(dtype)
    save_embeddings(tmp_path / "x", x, ["a", "b"], encoder_id="e")
    assert torch.equal(load_embeddings(tmp_path / "x"), x)


def test_an_expanded_or_transposed_tensor_is_stored_as_seen(tmp_path):
    x = torch.randn(4, 3).t()
    save_embeddings(tmp_path / "x", x, TEXTS, encoder_id="e")
    assert torch.equal(load_embeddings(tmp_path / "x", TEXTS), x)


# Guard 6: embeddings of another graph are refused.
def test_other_row_count_is_refused(stored):
    with pytest.raises(EmbeddingError, match="have 3 rows, the graph has 2 texts"):
        load_embeddings(stored[0], TEXTS[:2])


# Guard 6.
def test_other_texts_and_another_order_are_refused(stored):
    for texts in (["a star", "", "an ovem"], TEXTS[::-1]):
        with pytest.raises(EmbeddingError, match="other texts, or from the same"):
            load_embeddings(stored[0], texts)


def test_another_encoder_is_refused(stored):
    with pytest.raises(EmbeddingError, match="made by 'enc/1', not by 'enc/2'"):
        load_embeddings(stored[0], TEXTS, encoder_id="enc/2")


def test_wrong_tensors_are_never_written(tmp_path):
    for x, message in (
        (torch.zeros(2, 4), r"shape \(2, 4\) for 3 texts"),
        (torch.zeros(3), r"shape \(3,\)"),
        (torch.tensor([[0.0], [float("nan")], [0.0]]), "not finite for text 1"),
    ):
        with pytest.raises(EmbeddingError, match=message):
            save_embeddings(tmp_path / "x", x, TEXTS, encoder_id="e")
    assert not list(tmp_path.iterdir())


def test_missing(tmp_path):
    with pytest.raises(EmbeddingError, match="there are no embeddings at"):
        load_embeddings(tmp_path / "nothing")


@pytest.mark.parametrize("keep", [0, 4, 100])
def test_a_truncated_tensor_file_is_damaged(stored, keep):
    path = stored[0].with_name("x.safetensors")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(EmbeddingError, match="is damaged"):
        load_embeddings(stored[0], TEXTS)


def test_one_flipped_bit_is_damage(stored):
    path = stored[0].with_name("x.safetensors")
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(bytes(raw))
    with pytest.raises(EmbeddingError, match="checksum differs"):
        load_embeddings(stored[0], TEXTS)


def test_tensors_of_another_shape_or_name_are_damage(stored):
    path = stored[0].with_name("x.safetensors")
    save_file({"embeddings": torch.zeros(3, 5)}, path)
    with pytest.raises(EmbeddingError, match=r"shape is \(3, 5\)"):
        load_embeddings(stored[0], TEXTS)
    save_file({"other": torch.zeros(3, 4)}, path)
    with pytest.raises(EmbeddingError, match="is damaged"):
        load_embeddings(stored[0], TEXTS)
    path.unlink()
    with pytest.raises(EmbeddingError, match="is damaged"):
        load_embeddings(stored[0], TEXTS)


def test_a_damaged_or_newer_manifest(stored):
    path = stored[0].with_name("x.json")
    manifest = json.loads(path.read_text())
    for content in ("{", "[]", "{}", "\xff"):
        path.write_bytes(content.encode("latin-1"))
        with pytest.raises(EmbeddingError, match="is damaged"):
            load_embeddings(stored[0])
    path.write_text(json.dumps(manifest | {"schema": 2}))
    with pytest.raises(EmbeddingError, match="has schema 2, this version reads 1"):
        load_embeddings(stored[0])


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddingError, match="cannot write embeddings to"):
        save_embeddings(
            tmp_path / "file" / "x", torch.zeros(3, 1), TEXTS, encoder_id="e"
        )


def test_nothing_partial_is_left(stored):
    names = sorted(path.name for path in stored[0].parent.iterdir())
    assert [name for name in names if name.startswith("x")] == [
        "x.json",
        "x.safetensors",
    ]
    assert not [name for name in names if "partial" in name]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(max_size=5), min_size=1, max_size=5), st.randoms())
def test_only_the_very_same_list_is_accepted(tmp_path_factory, texts, random):
    path = tmp_path_factory.mktemp("e") / "x"
    save_embeddings(path, torch.zeros(len(texts), 2), texts, encoder_id="e")
    other = list(texts)
    random.shuffle(other)
    if other == texts:
        assert load_embeddings(path, other).shape == (len(texts), 2)
    else:
        with pytest.raises(EmbeddingError):
            load_embeddings(path, other)


def test_a_full_disk_leaves_the_old_files_and_nothing_else(stored, monkeypatch):
    path, x = stored

    def full(tensors, to):
        to.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("graphllm.encode.store.save_file", full)
    with pytest.raises(EmbeddingError, match="No space left on device"):
        save_embeddings(path, torch.zeros(3, 4), TEXTS, encoder_id="e")
    assert torch.equal(load_embeddings(path, TEXTS), x)
    assert not list(path.parent.glob("*.partial"))
