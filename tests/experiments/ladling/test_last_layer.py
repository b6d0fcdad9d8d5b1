import pytest
import torch
import torch_geometric.nn as pyg
from torch import nn

from graphllm.experiments.ladling.last_layer import (
    LastLayer,
    can_shorten,
    outputs_of_first,
)
from graphllm.models.propagation import GCNConv


def layers():
    yield nn.Linear(5, 2), False
    yield pyg.Linear(5, 2, bias=False), False
    yield GCNConv(5, 2), True
    yield GCNConv(5, 2, bias=False), True
    yield pyg.SAGEConv(5, 2), True
    yield pyg.SAGEConv(5, 2, root_weight=False), True


@pytest.mark.parametrize("rows", [[0, 7, 8, 30], [5], list(range(90))])
def test_rows_are_those_of_the_whole_layer(graph, rows):
    h, rows = torch.randn(90, 5), torch.tensor(rows)
    for module, reads_edges in layers():
        assert can_shorten(module)
        expected = module(h, graph.edge_index) if reads_edges else module(h)
        layer = LastLayer(module, graph.x, graph.edge_index, rows)
        out = layer.forward()(h)
        assert torch.allclose(out, expected[rows], atol=1e-5)


def test_no_more_rows_are_needed_than_neighbours():
    edge_index = torch.tensor([[0, 1, 2], [1, 2, 3]])
    x, rows = torch.zeros(5, 1), torch.tensor([2, 4])
    needed = {
        type(module).__name__: LastLayer(module, x, edge_index, rows).needed.tolist()
        for module in (nn.Linear(1, 1), GCNConv(1, 1), pyg.SAGEConv(1, 1))
    }
    # Nodes 2 and 4 themselves, and 1, the one neighbour there is.
    assert needed == {"Linear": [2, 4], "GCNConv": [1, 2, 4], "SAGEConv": [1, 2, 4]}


def test_other_layers_stay_whole():
    assert not can_shorten(GCNConv(3, 2, normalize=False))
    assert not can_shorten(GCNConv(3, 2, improved=True))
    assert not can_shorten(pyg.SAGEConv(3, 2, aggr="max"))
    assert not can_shorten(nn.ReLU())


@pytest.mark.parametrize("density", [0.03, 1.0])
@pytest.mark.parametrize("kind", [GCNConv, pyg.SAGEConv])
@pytest.mark.parametrize("options", [{}, {"bias": False}])
def test_first_layers_of_several_networks_in_one_pass(graph, density, kind, options):
    x = torch.randn(90, 50) * (torch.rand(90, 50) < density)
    modules = [kind(50, 4, **options) for _ in range(3)]
    states = [nn.ModuleDict({"first": each}).state_dict() for each in modules]
    rows = torch.tensor([1, 2, 40])
    layer = LastLayer(modules[0], x, graph.edge_index, rows)
    out = outputs_of_first("first", layer, x, states)
    for row, module in zip(out, modules, strict=True):
        expected = module(x, graph.edge_index)[rows]
        assert torch.allclose(row, expected, atol=1e-5)
