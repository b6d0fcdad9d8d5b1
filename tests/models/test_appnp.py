import torch
from torch_geometric.utils import to_dense_adj

from graphllm.models.appnp import APPNP


def test_many_steps_reach_personalised_pagerank(tiny):
    net = APPNP(4, 8, 2, 3, dropout=0.5, K=300).eval().double()
    x = torch.randn(6, 4).double()
    adjacency = to_dense_adj(tiny.edge_index)[0].double() + torch.eye(6)
    scale = adjacency.sum(dim=1).rsqrt()
    smooth = scale.view(-1, 1) * adjacency * scale
    # equation 3 of the paper: alpha (I - (1 - alpha) P)^-1 MLP(X)
    expected = 0.1 * torch.linalg.solve(torch.eye(6) - 0.9 * smooth, net.mlp(x))
    assert torch.allclose(net(x, tiny.edge_index), expected)


def test_without_steps_it_is_its_mlp(tiny):
    net = APPNP(4, 8, 2, 3, K=0).eval()
    x = torch.randn(6, 4)
    assert torch.equal(net(x, tiny.edge_index), net.mlp(x))


def test_defaults_of_the_paper_and_options():
    net = APPNP(4, 8, 3)
    assert (net.prop.K, net.prop.alpha, net.out_channels) == (10, 0.1, 8)
    assert net.mlp.num_layers == 3
    assert all(isinstance(norm, torch.nn.Identity) for norm in net.mlp.norms)
    assert repr(net) == "APPNP(4, 8, num_layers=3, K=10)"


def test_features_are_dropped_before_the_first_layer(tiny):
    net = APPNP(4, 8, 1, 2, dropout=1.0)
    out = net(torch.randn(6, 4), tiny.edge_index)
    bias = net.mlp.lins[0].bias.expand(6, 2)
    assert torch.allclose(out, net.prop(bias, tiny.edge_index), atol=1e-6)
