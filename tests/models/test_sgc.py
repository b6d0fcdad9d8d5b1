import numpy as np
import torch
from scipy.sparse import csr_array, diags_array, eye_array

from graphllm.models.sgc import SGC


def test_powers_of_the_matrix_by_scipy(tiny):
    net = SGC(4, 64, 3, 2, dropout=0.5).eval().double()
    x = torch.randn(6, 4).double()
    row, col = tiny.edge_index.numpy()
    adjacency = csr_array((np.ones(len(row)), (row, col)), shape=(6, 6)) + eye_array(6)
    scale = diags_array(adjacency.sum(axis=1) ** -0.5)
    smooth = scale @ adjacency @ scale
    features = smooth @ (smooth @ (smooth @ x.numpy()))
    weight = net.conv.lin.weight.detach().numpy()
    expected = features @ weight.T + net.conv.lin.bias.detach().numpy()
    assert np.allclose(net(x, tiny.edge_index).detach().numpy(), expected)


def test_it_is_linear_and_has_no_hidden_layer(tiny):
    net = SGC(4, 64, 2, 3).eval()
    assert sum(p.numel() for p in net.parameters()) == 4 * 3 + 3
    a, b = torch.randn(2, 6, 4)
    edges = tiny.edge_index
    total = net(a, edges) + net(b, edges) - net(torch.zeros(6, 4), edges)
    assert torch.allclose(net(a + b, edges), total, atol=1e-5)
    assert repr(net) == "SGC(4, 3, num_layers=2)"
    assert SGC(4, 64, 2).out_channels == 64


def test_dropout_acts_on_the_features(tiny):
    net = SGC(4, 8, 2, 3, dropout=1.0)
    out = net(torch.randn(6, 4), tiny.edge_index)
    assert torch.allclose(out, net.conv.lin.bias.expand(6, 3))
