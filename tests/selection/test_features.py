import numpy as np
import pytest
import torch
from torch_geometric.data import Data

from graphllm.errors import TextGraphError, UnknownNameError
from graphllm.selection import SelectionContext
from graphllm.selection import features as module
from graphllm.selection.features import (
    canonical_order,
    check_space,
    node_features,
    smooth,
)


def dense_hop(edge_index, num_nodes):
    """(A + I) with missing self loops only, by the degrees of its rows."""
    adjacency = np.zeros((num_nodes, num_nodes))
    for a, b in edge_index.t().tolist():
        adjacency[b, a] += 1
    for node in range(num_nodes):
        # PyG keeps a self loop that is there already.
        adjacency[node, node] = 1
    degree = adjacency.sum(axis=1)
    return adjacency / np.sqrt(np.outer(degree, degree))


@pytest.mark.parametrize(
    "pairs",
    [
        [(0, 1), (1, 0), (1, 2), (2, 1)],
        [(0, 1), (2, 1), (3, 1)],
        [(0, 1), (0, 1), (1, 0)],
        [(0, 0), (0, 1), (1, 0)],
        [],
    ],
    ids=["path", "directed", "duplicates", "self loop", "no edges"],
)
def test_smoothing_is_two_dense_products(pairs):
    edge_index = torch.tensor(pairs, dtype=torch.long).view(-1, 2).t()
    data = Data(edge_index=edge_index, num_nodes=4)
    x = torch.randn(4, 3).numpy()
    hop = dense_hop(edge_index, 4)
    np.testing.assert_allclose(smooth(x, data), hop @ hop @ x, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(smooth(x, data, 1), hop @ x, rtol=1e-5, atol=1e-6)
    assert smooth(x, data).dtype == np.float32


def test_the_order_of_edges_changes_no_bit(sbm):
    x = torch.randn(60, 20).numpy()
    before = smooth(x, sbm)
    sbm.edge_index = sbm.edge_index[:, torch.randperm(sbm.num_edges)]
    assert np.array_equal(smooth(x, sbm), before)


def test_twins_get_the_same_row(tiny):
    # Nodes 0 and 1 have the same neighbours, themselves included.
    smoothed = smooth(torch.randn(6, 8).numpy(), tiny)
    assert np.array_equal(smoothed[0], smoothed[1])
    assert np.array_equal(smoothed[4], smoothed[5])
    assert not np.array_equal(smoothed[0], smoothed[4])


def test_which_features(tiny):
    tiny.x = torch.zeros(6, 2)
    given = torch.ones(6, 3)
    assert node_features(tiny, SelectionContext(features=given)).shape == (6, 3)
    assert node_features(tiny, SelectionContext()).shape == (6, 2)
    smoothed = node_features(tiny, SelectionContext(features=given), "a2x")
    assert np.array_equal(smoothed, smooth(given.numpy(), tiny))


def test_infinities_of_both_signs_do_not_cancel(tiny):
    x = torch.ones(6, 3)
    x[4] = torch.tensor([torch.inf, -torch.inf, 0.0])
    with pytest.raises(TextGraphError, match="node 4 hold NaN or infinity"):
        node_features(tiny, SelectionContext(features=x))


def test_huge_but_finite_features_are_fine(tiny):
    x = torch.full((6, 4), 3e38)
    assert node_features(tiny, SelectionContext(features=x)).max() > 1e38


def test_canonical_order_follows_the_content():
    x = torch.randn(50, 7).numpy()
    moved = torch.randperm(50).numpy()
    assert np.array_equal(x[canonical_order(x)], x[moved][canonical_order(x[moved])])
    assert sorted(canonical_order(x)) == list(range(50))


def test_equal_rows_keep_the_order_of_their_ids():
    x = np.array([[2.0], [1.0], [2.0], [1.0]], dtype=np.float32)
    order = canonical_order(x).tolist()
    assert order.index(0) + 1 == order.index(2)
    assert order.index(1) + 1 == order.index(3)
    assert canonical_order(np.empty((3, 0), np.float32)).tolist() == [0, 1, 2]


def test_large_graphs_keep_their_ids(monkeypatch):
    monkeypatch.setattr(module, "MAX_SORTED_ROWS", 3)
    assert canonical_order(torch.randn(4, 2).numpy()).tolist() == [0, 1, 2, 3]


def test_spaces():
    check_space("x")
    check_space("a2x")
    with pytest.raises(UnknownNameError, match=r"feature space 'ax'.*a2x, x"):
        check_space("ax")
