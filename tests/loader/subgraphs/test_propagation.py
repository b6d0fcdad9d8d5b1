import pytest
import torch
from torch_geometric.nn.conv.gcn_conv import gcn_norm
from torch_geometric.utils import to_dense_adj

from graphllm.loader.subgraphs.propagation import squared_propagation


@pytest.fixture
def simple(graph):
    """Neither self loops nor repeated edges."""
    edges = graph.edge_index[:, graph.edge_index[0] != graph.edge_index[1]]
    return edges.unique(dim=1)


def matrix(edge_index, values):
    return to_dense_adj(edge_index, edge_attr=values, max_num_nodes=60)[0].T


def test_sym_is_the_square_of_gcn(simple):
    weight = torch.rand(simple.size(1), dtype=torch.double) + 0.1
    squares, loops = squared_propagation(simple, weight, 60, "sym")
    expected = matrix(*gcn_norm(simple, weight, 60)).square()
    assert torch.allclose(matrix(simple, squares) + loops.diag(), expected)


def test_mean_is_the_square_of_rows_that_sum_to_one(simple):
    weight = torch.rand(simple.size(1), dtype=torch.double) + 0.1
    squares, loops = squared_propagation(simple, weight, 60, "mean")
    rows = (matrix(simple, squares) + loops.diag()).sqrt().sum(dim=1)
    assert torch.allclose(rows, torch.ones(60, dtype=torch.double))
    adjacency = matrix(simple, weight) + torch.eye(60)
    expected = (adjacency / adjacency.sum(dim=1, keepdim=True)).square()
    assert torch.allclose(matrix(simple, squares) + loops.diag(), expected)


def test_self_loops_of_the_graph_do_not_count():
    edges = torch.tensor([[0, 1, 1], [1, 1, 0]])
    weight = torch.tensor([2.0, 9.0, 3.0], dtype=torch.double)
    squares, loops = squared_propagation(edges, weight, 2, "mean")
    assert squares.tolist() == pytest.approx([4 / 9, 0.0, 9 / 16])
    assert loops.tolist() == pytest.approx([1 / 16, 1 / 9])
    assert weight.tolist() == [2.0, 9.0, 3.0]
