import pytest
import torch
from torch_geometric.data import Data

from graphllm.data import (
    apply_sparse_graph,
    apply_split,
    read_sparse_graph,
    write_sparse_graph,
)
from graphllm.datasets import TextGraphFiles, write_text_graph
from graphllm.errors import DatasetError, TextGraphError
from graphllm.testing import tiny_text_graph

KEPT = [0, 3, 4, 9, 13]


@pytest.fixture
def graph():
    data = tiny_text_graph()
    data.edge_weight = torch.arange(14.0)
    return data


def pruned(data, kept=KEPT):
    e_id = torch.tensor(kept, dtype=torch.long)
    sparse = Data(edge_index=data.edge_index[:, e_id], num_nodes=data.num_nodes)
    sparse.e_id = e_id
    if "node_names" in data:
        sparse.node_names = data.node_names
    return sparse


def write(data, path, kept=KEPT):
    sparse = pruned(data, kept)
    return write_sparse_graph(sparse, path, num_edges=14, sparsity=0.6)


@pytest.mark.parametrize("name", ["sparse.pt", "edges.csv", "deep/er/sparse.pt"])
@pytest.mark.parametrize("kept", [KEPT, [5, 2], [], list(range(14))])
def test_what_was_written_takes_the_place_of_the_edges(graph, name, kept, tmp_path):
    path = write(graph, tmp_path / name, kept)
    dense = graph.edge_index.clone()
    sparse = apply_sparse_graph(graph, path)
    assert torch.equal(sparse.edge_index, dense[:, kept])
    assert sparse.edge_weight.tolist() == kept
    assert sparse.e_id.tolist() == kept
    assert sparse.num_nodes == 6
    assert sparse.text == graph.text
    assert torch.equal(sparse.train_mask, graph.train_mask)
    assert torch.equal(graph.edge_index, dense)
    assert "e_id" not in graph


def test_the_file_holds_tensors_alone(graph, tmp_path):
    path = write(graph, tmp_path / "sparse.pt")
    loaded = torch.load(path, weights_only=True)
    assert all(isinstance(value, torch.Tensor) for value in loaded.values())
    assert set(loaded) == {
        "edge_index",
        "e_id",
        "num_nodes",
        "num_edges",
        "sparsity",
    }
    assert loaded["e_id"].tolist() == KEPT
    assert (int(loaded["num_nodes"]), int(loaded["num_edges"])) == (6, 14)
    assert float(loaded["sparsity"]) == 0.6
    # A view of a large tensor would drag all of it along.
    assert path.stat().st_size < 4000


def seed_that_tests_on(nodes):
    """A seed whose random split tests on one of the nodes."""
    plain = tiny_text_graph()
    for seed in range(20):
        split = apply_split(plain, "random-60-20-20", seed)
        if int((split.test_mask & nodes).sum()) == 1:
            return seed
    raise AssertionError


def test_labels_that_chose_the_edges_are_never_tested_on(graph, tmp_path):
    sparse = pruned(graph)
    sparse.labels_read = graph.train_mask | graph.val_mask
    path = tmp_path / "sparse.pt"
    write_sparse_graph(sparse, path, num_edges=14, sparsity=0.6)
    found = apply_sparse_graph(graph, path)
    assert torch.equal(found.labels_read, sparse.labels_read)
    # Its own split, whatever the seed; but not one that is drawn.
    assert torch.equal(apply_split(found, "file", 3).test_mask, graph.test_mask)
    with pytest.raises(TextGraphError, match="tests on 1 nodes whose"):
        apply_split(found, "random-60-20-20", seed_that_tests_on(sparse.labels_read))


@pytest.mark.parametrize("name", ["sparse.pt", "edges.csv"])
def test_a_file_that_does_not_say_whose_labels_chose_is_warned_of(
    graph, name, tmp_path, caplog
):
    found = apply_sparse_graph(graph, write(graph, tmp_path / name))
    assert "labels_read" not in found
    assert "does not say whose labels chose its edges" in caplog.text


def test_the_edges_file_is_that_of_a_text_graph(graph, tmp_path):
    graph.node_names = ["a", "b,c", 'd"', "e", "f", "g"]
    write_text_graph(graph, tmp_path)
    write(graph, tmp_path / "edges.csv")
    again = TextGraphFiles(tmp_path, undirected=False)[0]
    kept = {tuple(edge) for edge in graph.edge_index[:, KEPT].t().tolist()}
    assert {tuple(edge) for edge in again.edge_index.t().tolist()} == kept
    assert apply_sparse_graph(graph, tmp_path / "edges.csv").e_id.tolist() == KEPT


def test_repeated_edges_are_told_apart(graph, tmp_path):
    double = torch.cat([graph.edge_index, graph.edge_index[:, :3]], dim=1)
    graph.edge_index, graph.edge_weight = double, torch.arange(17.0)
    path = write(graph, tmp_path / "sparse.pt", [1, 15, 2])
    sparse = apply_sparse_graph(graph, path)
    assert torch.equal(sparse.edge_index, double[:, [1, 15, 2]])
    assert sorted(sparse.e_id.tolist()) == [1, 2, 15]
    path = write(graph, tmp_path / "thrice.pt", [1, 15, 1])
    with pytest.raises(DatasetError, match="1 of its 3 edges are not in the graph"):
        apply_sparse_graph(graph, path)


def test_texts_stay_where_edges_are_as_many_as_nodes(tmp_path):
    data = tiny_text_graph()
    data.edge_index = data.edge_index[:, :6]
    path = write(data, tmp_path / "sparse.pt", [0, 2])
    sparse = apply_sparse_graph(data, path)
    assert len(sparse.text) == sparse.y.numel() == sparse.train_mask.numel() == 6
    assert sparse.num_edges == 2


def broken(tmp_path, **change):
    content = {
        "edge_index": torch.tensor([[0], [1]]),
        "num_nodes": torch.tensor(6),
        **change,
    }
    torch.save({k: v for k, v in content.items() if v is not None}, tmp_path / "s.pt")
    return tmp_path / "s.pt"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_nodes": torch.tensor(7)}, "a graph of 7 nodes, and this one has 6"),
        ({"edge_index": torch.tensor([[0], [6]])}, "points to node 6"),
        ({"edge_index": torch.tensor([[-1], [0]])}, "points to node -1"),
        ({"edge_index": torch.tensor([[0], [5]])}, r"not in the graph, such as 0 -> 5"),
        ({"edge_index": torch.tensor([0, 1])}, r"shape \(2, num_edges\) \(got \(2,\)"),
        ({"edge_index": None}, "is no sparse graph"),
        ({"num_nodes": None}, "is no sparse graph"),
        ({"num_nodes": "many"}, "is no sparse graph"),
    ],
)
def test_a_file_of_another_graph_is_refused(graph, change, message, tmp_path):
    path = broken(tmp_path, **change)
    with pytest.raises(DatasetError, match=message) as caught:
        apply_sparse_graph(graph, path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no columns 'source' and 'target'"),
        (b"from,to\n0,1\n", "no columns 'source' and 'target'"),
        (b"source,target\n0,1\n\n0,6\n", "line 4: the target '6' is no node"),
        (b"source,target\n0\n", "the target 'None' is no node"),
        (b"source,target\n0,5\n", "not in the graph"),
        (b"source,target\n\xff,1\n", "is not UTF-8"),
    ],
)
def test_a_broken_edges_file_is_refused(graph, content, message, tmp_path):
    path = tmp_path / "edges.csv"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        apply_sparse_graph(graph, path)


@pytest.mark.parametrize("content", [b"", b"not a file of torch", b"PK\x03\x04torn"])
def test_a_foreign_file_is_one_line(graph, content, tmp_path):
    path = tmp_path / "sparse.pt"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match="is no sparse graph") as caught:
        read_sparse_graph(path, graph)
    assert "\n" not in str(caught.value)


def test_missing_and_unwritable_files(graph, tmp_path):
    with pytest.raises(DatasetError, match="graphllm mog --export"):
        read_sparse_graph(tmp_path / "none.pt", graph)
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="cannot be written"):
        write(graph, tmp_path / "file" / "sparse.pt")
