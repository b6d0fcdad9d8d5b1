"""What the gradient of a mask says, against finite differences."""

import pytest
import torch
import torch_geometric.nn as pyg
from torch_geometric.nn.aggr import SoftmaxAggregation

from graphllm.models import make_backbone
from graphllm.sparsify import masked_forward

CHANNELS = 6


def backbone(name, **options):
    return lambda: make_backbone(name, CHANNELS, 8, 5, 3, **options)


SMOOTH = {
    "gcn": backbone("gcn"),
    "resgcn": backbone("resgcn"),
    "gcnii": backbone("gcnii"),
    "jknet": backbone("jknet"),
    "appnp": backbone("appnp"),
    "sgc": backbone("sgc"),
    "sage": backbone("sage"),
    "sage, sum": backbone("sage", aggr="sum"),
    "sage, var": backbone("sage", aggr="var"),
    "sage, softmax": backbone("sage", aggr=SoftmaxAggregation(learn=True)),
    "gin": backbone("gin"),
    "gat": backbone("gat"),
    "gatv2": backbone("gat", v2=True),
    "graph conv": lambda: pyg.GraphConv(CHANNELS, 5),
    "tag": lambda: pyg.TAGConv(CHANNELS, 5),
    "genconv": lambda: pyg.GENConv(CHANNELS, 5, num_layers=1),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_mask_gradient_is_the_slope(name, pruning):
    x, edge_index, mask = pruning(0.6, dtype=torch.double)
    torch.manual_seed(3)
    gnn = SMOOTH[name]().double()
    alone = torch.bincount(edge_index[1], mask, x.size(0))[edge_index[1]] == 0
    loops = edge_index[0] == edge_index[1]
    # A first message has no slope, and loops are not the mask's to take.
    checked = (~alone & ~loops).nonzero().view(-1)
    assert 2 < (mask[checked[::9]] == 0).sum() < checked[::9].numel() - 2

    def loss(mask):
        return masked_forward(gnn, x, edge_index, mask).sin().sum()

    mask.requires_grad_()
    (slope,) = torch.autograd.grad(loss(mask), mask)
    assert slope[checked].abs().max() > 1e-3
    step = 1e-6
    for edge in checked[::9].tolist():
        change = torch.zeros_like(mask)
        change[edge] = step
        with torch.no_grad():
            numeric = (loss(mask + change) - loss(mask - change)) / (2 * step)
        assert slope[edge].item() == pytest.approx(numeric.item(), rel=1e-4, abs=1e-7)


def test_a_removed_edge_knows_what_it_would_change():
    # One node, two neighbours of value 2 and 5, the second one removed.
    x = torch.tensor([[0.0], [2.0], [5.0]])
    edge_index = torch.tensor([[1, 2], [0, 0]])
    mask = torch.tensor([1.0, 0.0], requires_grad=True)
    for aggr, value, slope in [("sum", 2, [2, 5]), ("mean", 2, [0, 3])]:
        conv = pyg.SimpleConv(aggr=aggr)
        conv.masked_by = "aggregation"
        out = masked_forward(conv, x, edge_index, mask)[0, 0]
        assert out.item() == value
        (gradient,) = torch.autograd.grad(out, mask)
        assert gradient.tolist() == slope


def test_a_maximum_has_no_gradient_for_removed_edges():
    x = torch.tensor([[0.0], [2.0], [5.0]])
    edge_index = torch.tensor([[1, 2], [0, 0]])
    mask = torch.tensor([1.0, 0.0], requires_grad=True)
    conv = pyg.SimpleConv(aggr="max")
    conv.masked_by = "aggregation"
    out = masked_forward(conv, x, edge_index, mask)[0, 0]
    (gradient,) = torch.autograd.grad(out, mask)
    assert out.item() == 2
    assert gradient.tolist() == [2, 0]


def test_gradient_reaches_what_made_the_mask(pruning):
    x, edge_index, hard = pruning()
    score = torch.randn(edge_index.size(1), requires_grad=True)
    soft = score.sigmoid()
    mask = hard + (soft - soft.detach())
    gnn = pyg.GraphSAGE(CHANNELS, 8, 2)
    masked_forward(gnn, x, edge_index, mask).square().sum().backward()
    assert (score.grad != 0).float().mean() > 0.5
