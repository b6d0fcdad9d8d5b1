import re
from dataclasses import fields
from pathlib import Path

import pytest

from graphllm.data import SPLITS, graph_fingerprint
from graphllm.datasets import dataset_names
from graphllm.datasets.manifest import (
    Manifest,
    check_graph,
    load_manifest,
    parse_manifest,
)
from graphllm.errors import DatasetError

ALL = [*dataset_names(), "planetoid_cora", "planetoid_citeseer"]


@pytest.mark.parametrize("name", ALL)
def test_manifests_are_complete(name):
    manifest = load_manifest(name)
    assert manifest.name == name
    assert manifest.title
    assert manifest.licence
    assert manifest.source
    assert set(manifest.splits) <= set(SPLITS)
    if manifest.label_names and manifest.num_classes:
        assert len(manifest.label_names) == manifest.num_classes
    for remote in manifest.downloads:
        assert remote.url.startswith("https://")
        assert not Path(remote.path).is_absolute()
        assert remote.sha256 is None or re.fullmatch("[0-9a-f]{64}", remote.sha256)


def test_only_what_installed_versions_decide_has_no_fingerprint():
    without = {name for name in ALL if load_manifest(name).fingerprint is None}
    assert without == {"pydocs", "wordnet"}


def test_every_manifest_is_listed_here():
    import graphllm.datasets

    folder = Path(graphllm.datasets.__file__).parent / "manifests"
    assert sorted(path.stem for path in folder.glob("*.json")) == sorted(ALL)


def test_json_lists_become_tuples():
    raw = {field.name: "" for field in fields(Manifest)} | {
        "files": ["a"],
        "splits": [],
        "label_names": ["x", "y"],
        "downloads": [{"path": "p", "url": "u"}],
    }
    manifest = parse_manifest(raw)
    assert manifest.files == ("a",)
    assert manifest.downloads[0].sha256 is None
    assert hash(manifest)


def test_unknown_manifest():
    with pytest.raises(FileNotFoundError):
        load_manifest("karate")


@pytest.fixture
def manifest(tiny):
    values = {"name": "tiny", "title": "", "licence": "", "source": "", "folder": ""}
    values |= {"files": [], "splits": [], "num_nodes": 6, "num_edges": 14}
    return parse_manifest(values | {"fingerprint": graph_fingerprint(tiny)})


def test_the_right_graph_passes(tiny, manifest):
    assert check_graph(tiny, manifest, "here") is tiny


def test_texts_on_other_nodes_do_not_pass(tiny, manifest):
    tiny.text = tiny.text[::-1]
    with pytest.raises(DatasetError, match=r"here: this is not the graph 'tiny'.*fing"):
        check_graph(tiny, manifest, "here")


def test_without_a_fingerprint_nothing_is_compared(tiny):
    assert check_graph(tiny, load_manifest("pydocs"), "here") is tiny
