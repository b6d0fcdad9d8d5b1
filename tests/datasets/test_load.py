import json

import pytest

import graphllm.datasets.load as module
from graphllm.data import graph_fingerprint
from graphllm.datasets import (
    TextGraphFiles,
    dataset_names,
    describe,
    load_dataset,
    write_text_graph,
)
from graphllm.datasets.base import TextGraphDataset
from graphllm.datasets.pydocs.dataset import pydocs_folder
from graphllm.errors import DatasetError, TextGraphError, UnknownNameError


def test_names():
    assert dataset_names() == [
        "citeseer",
        "cora",
        "pubmed",
        "pydocs",
        "wikispeedia",
        "wordnet",
    ]


def test_a_directory(tiny, tmp_path):
    write_text_graph(tiny, tmp_path / "mine")
    data = load_dataset(str(tmp_path / "mine"))
    assert data.name == "mine"
    assert graph_fingerprint(data) == graph_fingerprint(tiny)


def test_a_name_in_the_working_directory(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_text_graph(tiny, tmp_path / "mine")
    assert load_dataset("mine").num_nodes == 6


def test_known_names_are_not_directories(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_text_graph(tiny, tmp_path / "cora")
    given = []

    def fake(root):
        given.append(root)
        return TextGraphDataset(tiny, "cora")

    monkeypatch.setattr(module, "LOADERS", {"cora": fake})
    assert load_dataset("cora", tmp_path).name == "cora"
    assert given == [tmp_path]
    assert load_dataset("./cora").y.equal(TextGraphFiles("cora")[0].y)
    assert given == [tmp_path]


def test_unknown_name():
    with pytest.raises(UnknownNameError, match=r"data set 'kora'. Did you mean 'cora'"):
        load_dataset("kora")
    with pytest.raises(UnknownNameError, match="citeseer, cora, pubmed"):
        describe("kora")


def test_missing_directory():
    with pytest.raises(DatasetError, match="no/such: there is no such directory"):
        load_dataset("no/such")


def test_result_is_validated(tiny, monkeypatch):
    def broken(root):
        dataset = TextGraphDataset(tiny, "cora")
        dataset._data.text = ["too few"]
        return dataset

    monkeypatch.setattr(module, "LOADERS", {"cora": broken})
    with pytest.raises(TextGraphError, match="1 entries"):
        load_dataset("cora")


@pytest.mark.parametrize("name", dataset_names())
def test_describe_neither_loads_nor_builds(name, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LOADERS", dict.fromkeys(dataset_names()))
    info = describe(name)
    assert info.name == info.manifest.name == name
    assert info.location is None or name == "wordnet"  # may be installed
    assert not (tmp_path / "cache").exists()


def test_describe_of_a_pydocs_that_was_built():
    folder = pydocs_folder()
    folder.mkdir(parents=True)
    record = {"fingerprint": "abc", "num_nodes": 5, "num_edges": 8}
    (folder / "build.json").write_text(json.dumps(record))
    info = describe("pydocs")
    assert (info.location, info.fingerprint) == (folder, "abc")
    assert (info.num_nodes, info.num_edges) == (5, 8)


@pytest.mark.data
@pytest.mark.parametrize("name", ["citeseer", "cora", "pubmed", "wikispeedia"])
def test_described_as_loaded(data_root, name):
    info = describe(name, data_root)
    data = load_dataset(name, data_root)
    assert data.name == name
    assert info.location.is_relative_to(data_root)
    assert info.fingerprint == graph_fingerprint(data)
    assert (info.num_nodes, info.num_edges) == (data.num_nodes, data.num_edges)
    assert info.manifest.num_classes == len(data.label_names)
    assert list(info.manifest.label_names) == data.label_names
    assert ("planetoid-public" in info.manifest.splits) == ("train_mask" in data)
    assert ("text" in data) == (name != "pubmed")
