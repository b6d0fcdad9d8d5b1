import pytest
import torch
import torch_geometric.nn as pyg
from torch import Tensor

from graphllm.sparsify.masked_attention import masked_edge_update

# Node 0 hears 1, 2 and 3, and itself by a loop that the layer adds at the end.
EDGES = torch.tensor([[1, 2, 3], [0, 0, 0]])
MASK = torch.tensor([1.0, 0.0, 1.0])


def attention(conv, mask: Tensor | None, edges=EDGES, **options):
    torch.manual_seed(0)
    layer = conv(4, 2, heads=3, **options)
    if mask is not None:
        layer.edge_update = masked_edge_update(layer, mask)
    return layer(torch.randn(4, 4), edges, return_attention_weights=True)[1][1]


@pytest.mark.parametrize("conv", [pyg.GATConv, pyg.GATv2Conv])
def test_attention_over_kept_edges(conv):
    masked = attention(conv, MASK)
    pruned = attention(conv, None, EDGES[:, MASK > 0])
    assert masked.shape == (3 + 4, 3)
    assert torch.equal(masked[1], torch.zeros(3))
    torch.testing.assert_close(masked[[0, 2, 3, 4, 5, 6]], pruned)
    torch.testing.assert_close(masked[[0, 2, 3]].sum(0), torch.ones(3))


@pytest.mark.parametrize("conv", [pyg.GATConv, pyg.GATv2Conv])
def test_a_mask_of_ones_is_the_layer_itself(conv):
    options = {"add_self_loops": False, "negative_slope": 0.4}
    masked = attention(conv, torch.ones(3), **options)
    torch.testing.assert_close(masked, attention(conv, None, **options))


def test_dropout_is_the_layers():
    layer = pyg.GATConv(4, 2, heads=3, dropout=0.5)
    layer.edge_update = masked_edge_update(layer, torch.ones(3))
    x = torch.randn(4, 4)
    weights = []
    for layer.training in (True, False):
        torch.manual_seed(1)
        weights.append(layer(x, EDGES, return_attention_weights=True)[1][1])
    dropped = weights[0] == 0
    assert 0 < dropped.sum() < dropped.numel()
    torch.testing.assert_close(weights[0][~dropped], 2 * weights[1][~dropped])
