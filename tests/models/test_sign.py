import copy

import pytest
import torch
from torch_geometric.utils import to_dense_adj

from graphllm.models.sign import SIGN


def random_graph(num_nodes=9):
    edge_index = torch.randint(num_nodes, (2, 25))
    edge_index = edge_index[:, edge_index[0] != edge_index[1]]
    return torch.randn(num_nodes, 4), edge_index


def test_it_is_the_formula_of_the_docstring():
    x, edge_index = random_graph()
    model = SIGN(4, 5, 2, 3).eval()
    adjacency = to_dense_adj(edge_index, max_num_nodes=9)[0].t() + torch.eye(9)
    scale = adjacency.sum(dim=1).rsqrt()
    p = scale.view(-1, 1) * adjacency * scale
    hops = [x, p @ x, p @ p @ x]
    z = [hop @ lin.weight.t() + lin.bias for hop, lin in zip(hops, model.lins)]  # noqa: B905
    z = torch.cat(z, dim=-1).relu()
    expected = z @ model.lin_out.weight.t() + model.lin_out.bias
    assert torch.allclose(model(x, edge_index), expected, atol=1e-5)
    ones = torch.ones(edge_index.size(1))
    assert torch.allclose(model(x, edge_index, ones), expected, atol=1e-5)


def test_hops_are_kept_until_something_changes():
    x, edge_index = random_graph()
    model = SIGN(4, 5, 2, 3).eval()
    model(x, edge_index)
    hops = model._hops(x, edge_index, None)
    assert model._hops(x, edge_index, None) is hops
    assert copy.deepcopy(model)._known is None
    other = model._hops(x.clone(), edge_index, None)
    assert other is not hops
    before = model(x, edge_index)
    x.mul_(2)
    assert not torch.allclose(model(x, edge_index), before)


def test_weights_and_features_that_learn_get_their_gradient():
    x, edge_index = random_graph()
    x = x.double().requires_grad_()
    weight = torch.rand(edge_index.size(1), dtype=torch.double, requires_grad=True)
    model = SIGN(4, 5, 2, 3).double()
    assert torch.autograd.gradcheck(
        lambda x, w: model(x, edge_index, w), (x, weight), check_batched_grad=False
    )


def test_options():
    model = SIGN(4, 5, 3, norm="batch_norm", dropout=0.5)
    assert repr(model) == "SIGN(4, 5, num_layers=3)"
    assert model.norm.in_channels == 20
    x, edge_index = random_graph()
    assert model(x, edge_index).shape == (9, 5)
    torch.manual_seed(0)
    first = SIGN(4, 5, 1, 2)
    torch.manual_seed(0)
    again = SIGN(4, 5, 1, 2)
    again.reset_parameters()
    for ours, theirs in zip(first.parameters(), again.parameters(), strict=True):
        assert ours.shape == theirs.shape
    with torch.inference_mode():
        x, edge_index = random_graph()
        assert SIGN(4, 5, 1, 2)(x, edge_index).shape == (9, 2)


def test_a_wrong_size_is_torchs_error():
    x, edge_index = random_graph()
    with pytest.raises(RuntimeError):
        SIGN(3, 5, 1, 2)(x, edge_index)
