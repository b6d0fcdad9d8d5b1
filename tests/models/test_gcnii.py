import math

import torch
from torch_geometric.utils import to_dense_adj

from graphllm.models.gcnii import GCNII


def test_the_formula_by_dense_matrices(tiny):
    net = GCNII(4, 5, 3, 2, dropout=0.5).eval().double()
    x = torch.randn(6, 4).double()
    adjacency = to_dense_adj(tiny.edge_index)[0].double() + torch.eye(6)
    scale = adjacency.sum(dim=1).rsqrt()
    smooth = scale.view(-1, 1) * adjacency * scale
    first = hidden = (x @ net.lin_in.weight.t() + net.lin_in.bias).relu()
    for layer, conv in enumerate(net.convs, 1):
        beta = math.log(0.5 / layer + 1)
        mixed = 0.9 * smooth @ hidden + 0.1 * first
        hidden = ((1 - beta) * mixed + beta * mixed @ conv.weight1).relu()
    expected = hidden @ net.lin_out.weight.t() + net.lin_out.bias
    assert torch.allclose(net(x, tiny.edge_index), expected)


def test_it_stays_apart_where_a_gcn_smooths_away(tiny):
    x = torch.randn(6, 4)
    out = GCNII(4, 16, 64, 2).eval()(x, tiny.edge_index)
    # alpha keeps a share of each node's own features at any depth
    assert out.std(dim=0).min().item() > 1e-3


def test_options_reach_the_layers():
    net = GCNII(4, 8, 2, norm="layer", alpha=0.3, theta=1.5, shared_weights=False)
    assert net.out_channels == 8
    assert [conv.alpha for conv in net.convs] == [0.3, 0.3]
    assert net.convs[1].beta == math.log(1.5 / 2 + 1)
    assert net.convs[0].weight2 is not None
    assert len({id(norm) for norm in net.norms}) == 2
    assert repr(net) == "GCNII(4, 8, num_layers=2)"
    assert GCNII(4, 8, 1, act=None).act(torch.tensor(-1.0)) == -1


def test_reset_reaches_every_layer():
    net = GCNII(4, 8, 2, 2, norm="batch")
    torch.nn.init.zeros_(net.norms[0].module.weight)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    net.reset_parameters()
    for key in ("lin_in.weight", "convs.1.weight1", "lin_out.weight"):
        assert not torch.equal(before[key], net.state_dict()[key])
    assert bool((net.norms[0].module.weight == 1).all())
