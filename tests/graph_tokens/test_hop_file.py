import json
import shutil
from collections import namedtuple

import pytest
import torch

from graphllm.errors import EmbeddingError
from graphllm.graph_tokens.hop_file import contents_of, map_hops, write_hops

X = torch.arange(12.0).view(4, 3)
KEYS = torch.tensor([1, 5])


@pytest.fixture
def contents():
    return contents_of(X, KEYS, 2, "mean")


def fill(out):
    out.copy_(torch.arange(24.0).view(4, 2, 3))


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_write_and_map(contents, tmp_path):
    path = tmp_path / "hops.v1"
    assert map_hops(path, contents) is None
    written = write_hops(path, contents, fill)
    found = map_hops(path, contents)
    assert found.dtype == torch.float16
    assert found.shape == (4, 2, 3)
    assert torch.equal(found, written)
    assert found.flatten().tolist() == list(range(24))
    assert names(tmp_path) == ["hops.v1", "hops.v1.json"]
    # what a reader writes stays with the reader
    found.zero_()
    assert map_hops(path, contents).sum() > 0


def test_contents_tell_everything_apart():
    seen = [
        contents_of(X, KEYS, 2, "mean"),
        contents_of(X + 1e-3, KEYS, 2, "mean"),
        contents_of(X.double(), KEYS, 2, "mean"),
        contents_of(X.view(3, 4), KEYS, 2, "mean"),
        contents_of(X, KEYS[:1], 2, "mean"),
        contents_of(X, KEYS[:0], 2, "mean"),
        contents_of(X, KEYS, 3, "mean"),
        contents_of(X, KEYS, 2, "sym"),
    ]
    assert len({json.dumps(entry) for entry in seen}) == len(seen)
    assert contents_of(X.clone(), KEYS.clone(), 2, "mean") == seen[0]


def test_a_file_of_the_wrong_size_is_not_used(contents, tmp_path):
    path = tmp_path / "hops"
    write_hops(path, contents, fill)
    path.write_bytes(path.read_bytes()[:-2])
    assert map_hops(path, contents) is None
    path.unlink()
    assert map_hops(path, contents) is None


def test_a_manifest_never_outlives_its_file(contents, tmp_path, monkeypatch):
    """Killed between the two files: the old manifest must be gone."""
    path = tmp_path / "hops"
    write_hops(path, contents, fill)
    other = contents_of(X + 1, KEYS, 2, "mean")

    def killed(*_, **__):
        raise OSError("killed")

    monkeypatch.setattr(type(path), "write_text", killed)
    with pytest.raises(EmbeddingError, match=r"cannot write .* \(killed\)"):
        write_hops(path, other, torch.Tensor.zero_)
    assert names(tmp_path) == ["hops"]


def test_a_failure_leaves_what_was_there(contents, tmp_path):
    path = tmp_path / "hops"
    write_hops(path, contents, fill)

    def fails(out):
        raise EmbeddingError("no")

    with pytest.raises(EmbeddingError, match=r"^no$"):
        write_hops(path, contents_of(X + 1, KEYS, 2, "mean"), fails)
    assert names(tmp_path) == ["hops", "hops.json"]
    assert torch.equal(map_hops(path, contents).flatten(), torch.arange(24.0).half())


def test_files_of_others_are_left_alone(contents, tmp_path):
    path = tmp_path / "thesis.txt"
    path.write_text("years of work")
    with pytest.raises(EmbeddingError, match=r"holds no hop features.*another path"):
        map_hops(path, contents)
    assert path.read_text() == "years of work"


def test_a_manifest_that_is_none(contents, tmp_path):
    path = tmp_path / "hops"
    write_hops(path, contents, fill)
    (tmp_path / "hops.json").write_text("{")
    with pytest.raises(EmbeddingError, match=r"cannot read hop features .*delete"):
        map_hops(path, contents)


def test_no_room_and_no_folder(contents, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddingError, match="cannot write hop features"):
        write_hops(tmp_path / "file" / "hops", contents, fill)
    usage = namedtuple("usage", "free")(10)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(EmbeddingError, match=r"needs 0 MiB.*path with room"):
        write_hops(tmp_path / "hops", contents, fill)
    assert names(tmp_path) == ["file"]
