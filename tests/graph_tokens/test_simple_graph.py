import pytest
import torch

from graphllm.errors import TextGraphError
from graphllm.graph_tokens.simple_graph import simple_graph

X = torch.zeros(5, 2)
# 0 -> 3, 4 -> 3 twice, a loop at 1
EDGES = torch.tensor([[4, 0, 4, 1], [3, 3, 3, 1]])


def test_edges_once_grouped_by_target():
    graph = simple_graph(X, EDGES)
    assert graph.num_nodes == 5
    assert graph.indptr.tolist() == [0, 0, 1, 1, 3, 3]
    assert graph.indices.tolist() == [1, 0, 4]
    assert graph.indices.dtype == torch.int32
    assert graph.keys.tolist() == [6, 15, 19]


def test_joined_looks_in_both_directions():
    graph = simple_graph(X, EDGES)
    left = torch.tensor([4, 3, 0, 0, 1, 2, 4])
    right = torch.tensor([3, 4, 3, 4, 1, 2, -1])
    assert (
        graph.joined(left, right).tolist()
        == [True, True, True, False, True] + [False] * 2
    )


def test_joined_agrees_with_a_dense_matrix():
    generator = torch.Generator().manual_seed(0)
    edges = torch.randint(30, (2, 80), generator=generator)
    dense = torch.zeros(30, 30, dtype=torch.bool)
    dense[edges[0], edges[1]] = dense[edges[1], edges[0]] = True
    pairs = torch.cartesian_prod(torch.arange(30), torch.arange(30))
    graph = simple_graph(torch.zeros(30, 1), edges)
    assert torch.equal(graph.joined(*pairs.t()), dense.flatten())


def test_no_edges():
    graph = simple_graph(X, torch.empty(2, 0, dtype=torch.long))
    assert graph.indptr.tolist() == [0] * 6
    assert not graph.joined(torch.tensor([1]), torch.tensor([2])).any()


@pytest.mark.parametrize(
    ("x", "edge_index", "message"),
    [
        (X[0], EDGES, r"'x' must hold floating features.*\(2,\)"),
        (X.long(), EDGES, "'x' must hold floating features.*int64"),
        (X, EDGES.t(), r"must have shape \(2, num_edges\) \(got \(4, 2\)\)"),
        (X[:4], EDGES, "points to node 4, but 'x' has 4 rows"),
        (X, EDGES - 1, "points to node -1"),
    ],
)
def test_what_is_no_graph(x, edge_index, message):
    with pytest.raises(TextGraphError, match=message):
        simple_graph(x, edge_index)
