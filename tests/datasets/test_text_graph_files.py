import json
import time

import pytest
import torch

from graphllm.data import graph_fingerprint, validate_text_graph
from graphllm.datasets import TextGraphFiles, write_text_graph
from graphllm.datasets.text_graph_files import read_text_graph
from graphllm.errors import DatasetError

NODES = """id,text,label,split
x,a star,sky,train
y,a comet,sky,val
z,flour,food,test
w,,,
"""
EDGES = "source,target\nz,x\nx,y\ny,x\nx,y\nw,w\n"


@pytest.fixture
def folder(write):
    return write(nodes_csv=NODES, edges_csv=EDGES)


def test_everything_lands_where_it_belongs(folder):
    dataset = TextGraphFiles(folder)
    data = dataset[0]
    assert data.name == dataset.name == "graph"
    assert data.text == ["a star", "a comet", "flour", ""]
    assert data.node_names == ["x", "y", "z", "w"]
    assert data.label_names == ["food", "sky"]
    assert data.y.tolist() == [1, 1, 0, -1]
    assert data.train_mask.tolist() == [True, False, False, False]
    assert data.val_mask.tolist() == [False, True, False, False]
    assert data.test_mask.tolist() == [False, False, True, False]
    pairs = set(zip(*data.edge_index.tolist(), strict=True))
    assert pairs == {(0, 1), (1, 0), (0, 2), (2, 0), (3, 3)}
    assert data.num_edges == len(pairs)
    assert "full_text" not in data
    validate_text_graph(data)


def test_directed_links_stay_directed_on_request(folder):
    data = TextGraphFiles(folder, undirected=False)[0]
    pairs = sorted(zip(*data.edge_index.tolist(), strict=True))
    assert pairs == [(0, 1), (1, 0), (2, 0), (3, 3)]


def test_behaves_as_a_pyg_dataset(folder):
    def mark(data):
        data.marked = True
        return data

    dataset = TextGraphFiles(folder, transform=mark, name="mine")
    assert len(dataset) == 1
    assert dataset[0].marked
    assert dataset.num_classes == 2
    assert dataset[0].name == "mine"
    assert "marked" not in dataset._data


def test_no_split_no_masks_no_labels(write):
    folder = write(nodes_jsonl='{"id": 0, "text": "a"}', edges_csv="source,target\n")
    data = TextGraphFiles(folder)[0]
    assert data.y is None
    assert "train_mask" not in data
    assert data.num_nodes == 1
    assert data.edge_index.shape == (2, 0)


def test_names_of_labels_come_from_the_argument_the_file_or_the_labels(folder):
    assert TextGraphFiles(folder)[0].label_names == ["food", "sky"]
    (folder / "label_names.json").write_text('["sky", "sea", "food"]')
    dataset = TextGraphFiles(folder)
    assert dataset[0].label_names == ["sky", "sea", "food"]
    assert dataset[0].y.tolist() == [0, 0, 2, -1]
    assert dataset.num_classes == 3
    given = TextGraphFiles(folder, label_names=["food", "sky"])[0]
    assert given.y.tolist() == [1, 1, 0, -1]


def test_a_label_that_is_no_name(folder):
    (folder / "label_names.json").write_text('["sky"]')
    with pytest.raises(DatasetError, match=r"nodes.csv: the label 'food' is not among"):
        TextGraphFiles(folder)


def test_missing_directory(tmp_path):
    with pytest.raises(DatasetError, match="there is no such directory"):
        TextGraphFiles(tmp_path / "nowhere")


def test_missing_nodes_file(tmp_path):
    with pytest.raises(DatasetError, match=r"holds no nodes.jsonl or nodes.csv"):
        TextGraphFiles(tmp_path)


def test_missing_edges_file(folder):
    (folder / "edges.csv").unlink()
    with pytest.raises(DatasetError, match=r"edges.csv: there is no such file"):
        TextGraphFiles(folder)


def test_two_nodes_files(folder):
    (folder / "nodes.jsonl").write_text('{"id": 0, "text": ""}')
    with pytest.raises(
        DatasetError, match=r"holds nodes.jsonl and nodes.csv; keep one"
    ):
        TextGraphFiles(folder)


@pytest.mark.parametrize("undirected", [True, False])
def test_written_files_give_the_same_graph(sbm, tmp_path, undirected):
    sbm.y[3] = -1
    for name in ("train_mask", "val_mask", "test_mask"):
        sbm[name][3] = False
    sbm.text[0] = 'a "quote", a comma\nand a line'
    if not undirected:
        sbm.edge_index = sbm.edge_index[:, ::3]
    write_text_graph(sbm, tmp_path / "out")
    data = read_text_graph(tmp_path / "out", undirected)
    assert graph_fingerprint(data) == graph_fingerprint(sbm)
    assert data.full_text == sbm.full_text
    assert data.label_names == sbm.label_names
    for name in ("train_mask", "val_mask", "test_mask"):
        assert data[name].equal(sbm[name])


def test_ids_with_commas_quotes_and_spaces(tmp_path, tiny):
    tiny.node_names = ["a,b", 'say "x"', "two words", "d", "e", "ü"]
    write_text_graph(tiny, tmp_path / "out")
    data = read_text_graph(tmp_path / "out")
    assert data.node_names == tiny.node_names
    assert graph_fingerprint(data) == graph_fingerprint(tiny)


def test_graph_without_labels_is_written(tmp_path, tiny):
    del tiny.y
    write_text_graph(tiny, tmp_path / "out")
    assert not (tmp_path / "out" / "label_names.json").exists()
    assert read_text_graph(tmp_path / "out").text == tiny.text


def test_cannot_be_written(tmp_path, tiny):
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="cannot be written"):
        write_text_graph(tiny, tmp_path / "file")


def test_a_hundred_thousand_nodes_take_seconds(tmp_path):
    num_nodes = 100_000
    ends = torch.randint(num_nodes, (2, 3 * num_nodes)).tolist()
    with (tmp_path / "nodes.jsonl").open("w") as file:
        for node in range(num_nodes):
            row = {"id": f"n{node}", "text": "some words " * 5, "label": node % 7}
            file.write(json.dumps(row) + "\n")
    with (tmp_path / "edges.csv").open("w") as file:
        file.write("source,target\n")
        file.writelines(f"n{a},n{b}\n" for a, b in zip(*ends, strict=True))
    start = time.perf_counter()
    data = read_text_graph(tmp_path)
    assert time.perf_counter() - start < 20  # about 3 on an idle core
    assert data.num_nodes == num_nodes
    assert (
        data.y.bincount().tolist()
        == torch.arange(num_nodes).fmod(7).bincount().tolist()
    )


@pytest.mark.data
def test_wikispeedia_as_a_graph_of_ones_own(data_root):
    data = TextGraphFiles(data_root / "wikispeedia")[0]
    assert (data.num_nodes, data.num_edges, len(data.label_names)) == (4598, 213068, 15)
    assert int((data.y < 0).sum()) == 1
    directed = TextGraphFiles(data_root / "wikispeedia", undirected=False)[0]
    assert directed.num_edges == 119769
