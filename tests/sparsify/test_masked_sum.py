import pytest
import torch
import torch_geometric.nn as pyg

from graphllm.kernels.edge_sum import EdgeSum
from graphllm.sparsify.masked_sum import adds_up, masked_propagate


class Louder(pyg.SAGEConv):
    def message(self, x_j):
        return 2 * x_j


def gin(**kwargs):
    return pyg.GINConv(torch.nn.Linear(5, 4), **kwargs)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (pyg.SAGEConv(5, 4), True),
        (pyg.SAGEConv(5, 4, aggr="sum"), True),
        (gin(), True),
        (pyg.GraphConv(5, 4, aggr="mean"), True),
        (pyg.SAGEConv(5, 4, aggr="max"), False),
        (pyg.SAGEConv(5, 4, aggr=["mean", "max"]), False),
        (Louder(5, 4), False),
        (pyg.GATConv(5, 4), False),
    ],
)
def test_which_layers_only_add_up(layer, expected):
    assert adds_up(layer) is expected


@pytest.fixture
def graph(sbm):
    x = torch.randn(60, 5, generator=torch.Generator().manual_seed(0))
    mask = (torch.rand(sbm.num_edges) < 0.6).float()
    mask[sbm.edge_index[1] == 3] = 0.0
    return x, sbm.edge_index, mask.requires_grad_()


LAYERS = {
    "sage, mean": lambda: pyg.SAGEConv(5, 4),
    "sage, sum": lambda: pyg.SAGEConv(5, 4, aggr="sum", project=True),
    "gin": gin,
    "graph conv": lambda: pyg.GraphConv(5, 4),
    "graph conv, mean": lambda: pyg.GraphConv(5, 4, aggr="mean"),
}


def masked(layer, mask, mean):
    layer.propagate = masked_propagate(layer, mean, mask)
    return layer


@pytest.mark.parametrize("name", LAYERS)
def test_it_is_the_layer_on_the_kept_edges(graph, name):
    x, edge_index, mask = graph
    layer = LAYERS[name]()
    keep = mask > 0.5
    x = x.requires_grad_()
    plain = layer(x, edge_index[:, keep])
    loss = plain.square().sum()
    expected = torch.autograd.grad(loss, [x, *layer.parameters()])
    out = masked(layer, mask, layer.aggr == "mean")(x, edge_index)
    torch.testing.assert_close(out, plain, atol=1e-5, rtol=1e-5)
    found = torch.autograd.grad(out.square().sum(), [x, *layer.parameters()])
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("mean", [True, False])
def test_the_gradient_of_the_mask(graph, mean):
    x, edge_index, mask = graph
    layer = pyg.SAGEConv(5, 4, aggr="mean" if mean else "sum").double()
    x, mask = x.double()[:12], torch.ones(20, dtype=torch.float64).requires_grad_()
    edge_index = torch.randint(
        0, 12, (2, 20), generator=torch.Generator().manual_seed(1)
    )

    def loss(value):
        return masked(layer, value, mean)(x, edge_index)

    assert torch.autograd.gradcheck(loss, mask)


def test_weights_come_on_top(graph):
    x, edge_index, mask = graph
    weight = torch.rand(edge_index.size(1))
    layer = pyg.GraphConv(5, 4)
    keep = mask > 0.5
    plain = layer(x, edge_index[:, keep], weight[keep])
    out = masked(layer, mask, False)(x, edge_index, weight)
    torch.testing.assert_close(out, plain, atol=1e-5, rtol=1e-5)


def test_two_kinds_of_nodes():
    layer = pyg.SAGEConv((5, 3), 4)
    source, target = torch.randn(6, 5), torch.randn(2, 3)
    edge_index = torch.tensor([[0, 5, 3], [1, 1, 0]])
    plain = layer((source, target), edge_index[:, :2])
    alone = layer((source, None), edge_index[:, :2], size=(6, 2))
    mask = torch.tensor([1.0, 1.0, 0.0])
    layer = masked(layer, mask, True)
    torch.testing.assert_close(layer((source, target), edge_index), plain)
    torch.testing.assert_close(layer((source, None), edge_index, size=(6, 2)), alone)


def test_what_sums_do_not_know_goes_the_usual_way(graph):
    x, edge_index, mask = graph
    mask = torch.ones_like(mask)
    layer = pyg.SAGEConv(5, 4)

    def refuse(*_):
        raise AssertionError("not for this input")

    stacked = torch.stack([x, 2 * x])
    expected = layer(stacked, edge_index)
    layer.propagate = masked_propagate(layer, True, mask, refuse)
    torch.testing.assert_close(layer(stacked, edge_index), expected)
    seen = []
    layer.register_message_forward_hook(lambda *_: seen.append(1))
    layer(x, edge_index)
    assert seen == [1]


def test_sums_are_asked_for_by_size(graph):
    x, edge_index, mask = graph
    asked = []

    def sums(edge_index, num_sources, num_targets):
        asked.append((num_sources, num_targets))
        return EdgeSum(edge_index, num_sources, num_targets)

    layer = pyg.SAGEConv(5, 4)
    layer.propagate = masked_propagate(layer, True, mask, sums)
    layer(x, edge_index)
    assert asked == [(60, 60)]
