import pytest
import torch
import torch_geometric.nn as pyg
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.utils import to_dense_adj

from graphllm.models.propagation import (
    NARROW,
    APPNPConv,
    GCN2Conv,
    GCNConv,
    Propagation,
    SGConv,
)


def random_graph(num_nodes, num_edges, seed):
    """Directed, with self-loops, repeated edges and isolated nodes."""
    generator = torch.Generator().manual_seed(seed)
    edge_index = torch.randint(num_nodes, (2, num_edges), generator=generator)
    x = torch.randn(num_nodes, 3, generator=generator, dtype=torch.double)
    weight = torch.rand(num_edges, generator=generator, dtype=torch.double)
    return edge_index, weight, x


def dense_matrix(edge_index, weight, num_nodes):
    """The formula of the docstring, with missing self-loops only added once."""
    loops = edge_index[0] == edge_index[1]
    adjacency = to_dense_adj(
        edge_index[:, ~loops], edge_attr=weight[~loops], max_num_nodes=num_nodes
    )[0]
    own = torch.ones(num_nodes, dtype=weight.dtype)
    own[edge_index[0, loops]] = weight[loops]  # PyG keeps the last one
    adjacency = adjacency.t() + torch.diag(own)
    scale = adjacency.sum(dim=1).rsqrt()
    return scale.view(-1, 1) * adjacency * scale


@given(st.integers(1, 8), st.integers(0, 20), st.integers(0, 50))
@settings(max_examples=40, deadline=None)
def test_the_product_is_that_of_the_dense_matrix(num_nodes, num_edges, seed):
    edge_index, weight, x = random_graph(num_nodes, num_edges, seed)
    out = Propagation(edge_index, weight, x) @ x
    assert torch.allclose(out, dense_matrix(edge_index, weight, num_nodes) @ x)


def test_gradients_are_those_of_finite_differences():
    edge_index, weight, x = random_graph(6, 15, 0)
    graph = Propagation(edge_index, weight, x)
    assert torch.autograd.gradcheck(
        lambda x: graph @ x, x.requires_grad_(), check_batched_grad=False
    )


def layers():
    yield GCNConv(3, 2), pyg.GCNConv(3, 2), ()
    yield SGConv(3, 2, K=3), pyg.SGConv(3, 2, K=3), ()
    yield APPNPConv(4, 0.1), pyg.APPNP(4, 0.1), ()
    options = {"channels": 3, "alpha": 0.1, "theta": 0.5, "layer": 2}
    yield GCN2Conv(**options), pyg.GCN2Conv(**options), ("first",)


@pytest.mark.parametrize("weighted", [True, False])
def test_each_layer_computes_what_pyg_computes(weighted):
    edge_index, weight, x = random_graph(9, 30, 1)
    weight = weight if weighted else None
    for ours, theirs, extra in layers():
        theirs.double().load_state_dict(ours.double().state_dict())
        first = [torch.randn_like(x)] if extra else []
        expected = theirs(x, *first, edge_index, weight)
        fast = ours(x, *first, Propagation(edge_index, weight, x))
        assert torch.allclose(fast, expected)
        # and without it, they are PyG's layers
        assert torch.allclose(ours(x, *first, edge_index, weight), expected)


def test_edge_weights_that_learn_get_their_gradient():
    edge_index, weight, x = random_graph(6, 15, 2)
    weight.requires_grad_()
    conv = GCNConv(3, 2).double()
    conv(x, Propagation(edge_index, weight, x)).square().sum().backward()
    got, weight.grad = weight.grad, None
    pyg.GCNConv.forward(conv, x, edge_index, weight).square().sum().backward()
    assert torch.allclose(got, weight.grad)
    assert float(got.abs().sum()) > 0


def test_other_number_types_take_the_way_of_pyg():
    edge_index, _, x = random_graph(6, 15, 3)
    graph = Propagation(edge_index, None, x.bfloat16())
    assert not graph.is_fixed
    out = GCNConv(3, 2).bfloat16()(x.bfloat16(), graph)
    assert out.dtype == torch.bfloat16


@pytest.mark.parametrize("columns", [2, NARROW])
def test_networks_share_a_product_under_vmap(columns):
    edge_index, weight, x = random_graph(7, 20, 4)
    graph = Propagation(edge_index, weight, x)
    many = torch.randn(3, 7, columns, dtype=torch.double, requires_grad=True)
    dense = dense_matrix(edge_index, weight, 7)
    for dim in (0, 1):
        wide = torch.func.vmap(lambda h: graph @ h, dim)(many.movedim(0, dim))
        assert torch.allclose(wide, dense @ many)
        (gradient,) = torch.autograd.grad(wide.square().sum(), many)
        (expected,) = torch.autograd.grad((dense @ many).square().sum(), many)
        assert torch.allclose(gradient, expected)
    # What no network changes is multiplied once.
    alone = torch.func.vmap(lambda h: graph @ x + 0 * h)(torch.zeros(2, 1))
    assert torch.allclose(alone[1], dense @ x)
