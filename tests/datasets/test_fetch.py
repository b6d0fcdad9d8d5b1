import hashlib
from dataclasses import replace

import pytest

from graphllm.datasets.fetch import fetch
from graphllm.datasets.manifest import RemoteFile, load_manifest
from graphllm.errors import DatasetError, DownloadError


@pytest.fixture
def manifest(server):
    server.files |= {"one": b"1" * 100, "two": b"2"}
    sha256 = hashlib.sha256(b"1" * 100).hexdigest()
    downloads = (
        RemoteFile("raw/one", server.url + "one", sha256),
        RemoteFile("two", server.url + "two"),
    )
    return replace(load_manifest("cora"), folder="toy", downloads=downloads)


def test_downloads_go_to_the_cache_once(server, manifest, tmp_path):
    folder = fetch(manifest)
    assert folder == tmp_path / "cache" / "datasets" / "toy"
    assert (folder / "raw" / "one").read_bytes() == b"1" * 100
    assert (folder / "two").read_bytes() == b"2"
    assert fetch(manifest) == folder
    assert len(server.requests) == 2


def test_data_root_comes_first_and_is_not_written(server, manifest, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    fetch(manifest, root)
    assert list(root.iterdir()) == []
    (root / "toy" / "raw").mkdir(parents=True)
    (root / "toy" / "raw" / "one").write_bytes(b"1" * 100)
    (root / "toy" / "two").write_bytes(b"mine")
    assert fetch(manifest, root) == root / "toy"


def test_another_file_in_the_data_root(manifest, tmp_path):
    (tmp_path / "toy" / "raw").mkdir(parents=True)
    (tmp_path / "toy" / "raw" / "one").write_bytes(b"other")
    (tmp_path / "toy" / "two").write_bytes(b"2")
    with pytest.raises(DatasetError, match=r"one: not the file that 'cora' is made of"):
        fetch(manifest, tmp_path)


def test_missing_on_the_server(server, manifest):
    del server.files["two"]
    with pytest.raises(DownloadError, match="404"):
        fetch(manifest)
