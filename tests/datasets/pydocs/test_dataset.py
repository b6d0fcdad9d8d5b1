import json
import logging

import pytest

import graphllm.datasets.pydocs.dataset as module
from graphllm.data import graph_fingerprint
from graphllm.datasets import PyDocs
from graphllm.datasets.pydocs.dataset import pydocs_folder


@pytest.fixture
def builds(sbm, monkeypatch):
    """Counts builds; each gives the same small graph."""
    count = []
    sbm.node_names = [f"numpy.f{node}" for node in range(60)]
    for name in ("train_mask", "val_mask", "test_mask"):
        del sbm[name]

    def build():
        count.append(1)
        return sbm.clone()

    monkeypatch.setattr(module, "build_pydocs", build)
    return count


def test_built_once_then_read(builds, sbm):
    first, second = PyDocs(), PyDocs()
    assert len(builds) == 1
    for dataset in (first, second):
        data = dataset[0]
        assert data.name == "pydocs"
        assert graph_fingerprint(data) == dataset.fingerprint == graph_fingerprint(sbm)
        assert data.full_text == sbm.full_text
        assert data.node_names == sbm.node_names
        assert dataset.num_classes == 3
        assert set(dataset.versions) == {
            "numpy",
            "scipy",
            "networkx",
            "sklearn",
            "pandas",
        }


def test_versions_are_recorded(builds):
    dataset = PyDocs()
    record = json.loads((pydocs_folder() / "build.json").read_text())
    assert record["versions"] == dataset.versions
    assert record["fingerprint"] == dataset.fingerprint
    assert (record["num_nodes"], record["num_edges"]) == (60, dataset[0].num_edges)


def test_other_versions_are_built_anew(builds, monkeypatch):
    PyDocs()
    folder = pydocs_folder()
    newer = module.package_versions() | {"numpy": "99.0"}
    monkeypatch.setattr(module, "package_versions", lambda: newer)
    assert pydocs_folder() != folder
    assert PyDocs().versions["numpy"] == "99.0"
    assert len(builds) == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "nodes.jsonl").write_text("{"),
        lambda folder: (folder / "build.json").write_text(""),
        lambda folder: (folder / "edges.csv").write_text("source,target\n"),
    ],
)
def test_a_damaged_copy_is_built_again(builds, damage, caplog):
    expected = PyDocs().fingerprint
    damage(pydocs_folder())
    with caplog.at_level(logging.WARNING):
        assert PyDocs().fingerprint == expected
    assert len(builds) == 2
    assert "built again" in caplog.text
    assert PyDocs().fingerprint == expected
    assert len(builds) == 2


def test_a_missing_file_is_made_again_quietly(builds, caplog):
    PyDocs()
    (pydocs_folder() / "build.json").unlink()
    PyDocs()
    assert len(builds) == 2
    assert caplog.text == ""


def test_a_cache_that_cannot_be_written_is_no_failure(builds, tmp_path, caplog):
    (tmp_path / "cache").write_text("in the way")
    with caplog.at_level(logging.WARNING):
        assert PyDocs()[0].num_nodes == 60
    assert "not kept" in caplog.text


def test_transform(builds):
    assert PyDocs(transform=lambda data: data.num_nodes)[0] == 60
