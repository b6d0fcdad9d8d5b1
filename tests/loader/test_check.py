import numpy as np
import pytest
import torch
from torch_geometric.data import Data, HeteroData

from graphllm.data import to_csr
from graphllm.errors import TextGraphError, UnknownNameError
from graphllm.loader.check import (
    check_graph,
    check_nodes,
    check_num_neighbors,
    check_weight,
)


def test_graphs():
    assert check_graph(Data(edge_index=torch.tensor([[0], [1]]), num_nodes=5)) == 5
    with pytest.raises(TextGraphError, match="got HeteroData"):
        check_graph(HeteroData())
    with pytest.raises(TextGraphError, match=r"must have shape \(2, num_edges\)"):
        check_graph(Data(num_nodes=3))
    with pytest.raises(TextGraphError, match="node 7, but the graph has nodes 0 to 2"):
        check_graph(Data(edge_index=torch.tensor([[0], [7]]), num_nodes=3))
    with pytest.raises(TextGraphError, match="points to node -1"):
        check_graph(Data(edge_index=torch.tensor([[-1], [1]]), num_nodes=3))


@pytest.mark.parametrize("good", [[15, 10], (-1,), [0], np.array([3, 2])])
def test_fan_outs(good):
    assert check_num_neighbors(good) == list(good)


@pytest.mark.parametrize("bad", [[], 5, [2.5], [-2], "15", {"a": [1]}, None])
def test_wrong_fan_outs(bad):
    with pytest.raises(ValueError, match="'num_neighbors' must list"):
        check_num_neighbors(bad)


def test_nodes():
    assert check_nodes(None, 3).tolist() == [0, 1, 2]
    assert check_nodes(torch.tensor([False, True, True]), 3).tolist() == [1, 2]
    assert check_nodes([2, 0, 2], 3).tolist() == [2, 0, 2]
    assert check_nodes([], 3).tolist() == []


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (torch.ones(4, dtype=torch.bool), "as a mask"),
        ([0, 3], "holds node 3"),
        ([-1], "holds node -1"),
        ([0.5], "a mask or a list"),
        ([[0], [1]], "a mask or a list"),
    ],
)
def test_wrong_nodes(bad, message):
    with pytest.raises(ValueError, match=message):
        check_nodes(bad, 3)


def weighted(weight):
    data = Data(edge_index=torch.tensor([[2, 0, 1], [1, 1, 0]]), num_nodes=3)
    data.edge_weight = weight
    return data, to_csr(data.edge_index, 3, by="target")


def test_weights_come_in_the_order_of_the_rows():
    data, csr = weighted(torch.tensor([2.0, 0.0, 5.0]))
    # into node 0: edge 2; into node 1: from node 0 (edge 1), then node 2 (edge 0)
    assert check_weight(data, "edge_weight", csr).tolist() == [5.0, 0.0, 2.0]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -0.5])
def test_wrong_weights(bad):
    data, csr = weighted(torch.tensor([1.0, bad, 1.0]))
    with pytest.raises(TextGraphError, match=f"is {bad} at edge 1"):
        check_weight(data, "edge_weight", csr)


def test_a_node_with_nothing_but_zeros():
    data, csr = weighted(torch.tensor([0.0, 0.0, 1.0]))
    with pytest.raises(TextGraphError, match="all edges into node 1"):
        check_weight(data, "edge_weight", csr)


def test_weights_of_another_shape_or_name():
    data, csr = weighted(torch.ones(3, 1))
    with pytest.raises(TextGraphError, match=r"shape \(3,\), one weight an edge"):
        check_weight(data, "edge_weight", csr)
    with pytest.raises(UnknownNameError, match="Did you mean 'edge_weight'"):
        check_weight(data, "edge_weigth", csr)
