import pytest
import torch
from torch_geometric.data import Data

from graphllm.errors import GraphLLMError, TextGraphError
from graphllm.loader.subgraphs.checks import check_at_least, check_sizes, edge_weights


def test_whole_numbers():
    check_at_least("num_steps", 1, 1)
    for wrong in (0, 1.5, "3"):
        with pytest.raises(
            GraphLLMError, match="'num_steps' must be a whole number, 1 or more"
        ):
            check_at_least("num_steps", wrong, 1)


def test_a_number_a_layer():
    assert check_sizes("num_nodes", [3, 2], 1) == (3, 2)
    assert check_sizes("num_neighbors", (-1,), -1) == (-1,)
    for wrong in (5, (), (3, 0), (1.0,), "35", None):
        with pytest.raises(
            GraphLLMError, match="'num_nodes' must list a whole number a layer"
        ):
            check_sizes("num_nodes", wrong, 1)


def graph(weight=None):
    edge_index = torch.tensor([[0, 1], [1, 2]])
    return Data(edge_index=edge_index, num_nodes=3, edge_weight=weight)


def test_weights_of_edges():
    assert edge_weights(graph()).tolist() == [1.0, 1.0]
    weight = edge_weights(graph(torch.tensor([2, 0])))
    assert weight.dtype == torch.double
    assert weight.tolist() == [2.0, 0.0]
    with pytest.raises(TextGraphError, match=r"shape \(2,\).*\(got \(2, 1\)\)"):
        edge_weights(graph(torch.ones(2, 1)))
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(TextGraphError, match=f"is {wrong} at edge 1; draws"):
            edge_weights(graph(torch.tensor([1.0, wrong])))
