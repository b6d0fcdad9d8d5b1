import math

import networkx as nx
import numpy as np
import pytest
import torch
import torch_geometric.nn as pyg
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics.pairwise import cosine_distances
from torch_geometric.utils import to_undirected

from graphllm import ELLaGNN
from graphllm.evaluate import (
    dirichlet_energy,
    gradient_flow,
    layer_gradient_norms,
    mean_average_distance,
)


def random_graph(num_nodes, seed):
    generator = torch.Generator().manual_seed(seed)
    pairs = torch.randint(num_nodes, (2, 2 * num_nodes), generator=generator)
    x = torch.randn(num_nodes, 3, generator=generator, dtype=torch.double)
    return to_undirected(pairs[:, pairs[0] != pairs[1]], num_nodes=num_nodes), x


# ------------------------------------------------------------------ gradient flow


def test_the_norms_are_those_of_the_weights_by_hand(tiny):
    net = pyg.GCN(4, 8, 3, 2)
    net(torch.randn(6, 4), tiny.edge_index).square().sum().backward()
    norms = [float(conv.lin.weight.grad.norm()) for conv in net.convs]
    assert layer_gradient_norms(net).tolist() == pytest.approx(norms)
    assert gradient_flow(net) == pytest.approx(sum(norms) / 3)


def test_it_scales_with_the_loss(tiny):
    x = torch.randn(6, 4)
    flows = []
    for factor in (1.0, 1e-5):
        torch.manual_seed(0)
        net = pyg.GCN(4, 8, 3, 2)
        (factor * net(x, tiny.edge_index)).square().sum().backward()
        flows.append(gradient_flow(net))
    assert flows[1] == pytest.approx(1e-10 * flows[0])


def test_several_weights_of_a_layer_count_as_one_vector_and_biases_not_at_all(tiny):
    net = pyg.GraphSAGE(4, 8, 1, 2)
    net(torch.randn(6, 4), tiny.edge_index).square().sum().backward()
    conv = net.convs[0]
    both = torch.cat([conv.lin_l.weight.grad, conv.lin_r.weight.grad])
    assert gradient_flow(net) == pytest.approx(float(both.norm()))


def test_only_graph_convolutions_count(tiny):
    model = ELLaGNN("gcnii", 4, 8, 2, num_layers=5, fusion="gate")
    tiny.llm_mask = torch.tensor([1, 0, 0, 0, 0, 0]).bool()
    x = torch.randn(6, 4)
    model(x, tiny.edge_index, None, x[:1] + 1, tiny.llm_mask).sum().backward()
    norms = [float(c.weight1.grad.norm()) for c in model.backbone.convs]
    assert layer_gradient_norms(model).tolist() == pytest.approx(norms)


def test_a_frozen_layer_counts_as_zero(tiny):
    net = pyg.GCN(4, 8, 2, 2)
    net.convs[0].lin.weight.requires_grad_(False)
    net(torch.randn(6, 4), tiny.edge_index).sum().backward()
    first, second = layer_gradient_norms(net).tolist()
    assert first == 0 < second


def test_nothing_to_measure():
    with pytest.raises(ValueError, match="'MLP' has no graph convolution with weights"):
        gradient_flow(pyg.MLP([4, 8, 2]))
    with pytest.raises(ValueError, match="no graph convolution"):
        gradient_flow(ELLaGNN("appnp", 4, 8, 2))
    with pytest.raises(ValueError, match=r"call backward\(\)"):
        gradient_flow(pyg.GCN(4, 8, 2, 2))


# --------------------------------------------------------------- Dirichlet energy


@given(st.integers(2, 12), st.integers(0, 30))
@settings(max_examples=30, deadline=None)
def test_the_energy_is_the_trace_with_the_laplacian_of_networkx(num_nodes, seed):
    edge_index, x = random_graph(num_nodes, seed)
    graph = nx.Graph(edge_index.t().tolist())
    graph.add_nodes_from(range(num_nodes))
    adjacency = nx.to_numpy_array(graph, nodelist=range(num_nodes)) + np.eye(num_nodes)
    scale = np.diag(adjacency.sum(axis=1) ** -0.5)
    laplacian = np.eye(num_nodes) - scale @ adjacency @ scale
    expected = np.trace(x.numpy().T @ laplacian @ x.numpy())
    assert dirichlet_energy(x, edge_index) == pytest.approx(expected, abs=1e-9)


def test_the_energy_of_one_edge_by_hand():
    x = torch.tensor([[2.0, 0.0], [0.0, 4.0]], requires_grad=True)
    # both have one neighbour and themselves: |(2, -4)|^2 / 2
    pair = torch.tensor([[0, 1], [1, 0]])
    assert dirichlet_energy(x, pair) == pytest.approx(10.0)
    loops = torch.tensor([[0, 1, 0, 1], [1, 0, 0, 1]])
    assert dirichlet_energy(x, loops) == pytest.approx(10.0)
    assert dirichlet_energy(3 * x, pair) == pytest.approx(90.0)


def test_what_a_convolution_leaves_alone_has_no_energy():
    edge_index, x = random_graph(12, 5)
    degrees = torch.bincount(edge_index[1], minlength=12).double()
    smooth = (1 + degrees).sqrt().view(-1, 1) * torch.tensor([[1.0, -2.0]]).double()
    assert dirichlet_energy(smooth, edge_index) == pytest.approx(0.0, abs=1e-12)
    assert dirichlet_energy(x, edge_index) > 1
    assert dirichlet_energy(x, edge_index[:, :0]) == 0


# ----------------------------------------------------------------------------- MAD


@given(st.integers(2, 20), st.integers(0, 30))
@settings(max_examples=30, deadline=None)
def test_the_distance_is_the_mean_over_all_pairs_of_scikit_learn(num_nodes, seed):
    _, x = random_graph(num_nodes, seed)
    distance = cosine_distances(x.numpy())
    expected = distance.sum() / (num_nodes * (num_nodes - 1))
    assert mean_average_distance(x) == pytest.approx(expected)


def test_the_distance_by_hand():
    x = torch.tensor([[1.0, 0.0], [0.0, 5.0], [1.0, 1.0]], requires_grad=True)
    half = 1 - math.sqrt(0.5)
    assert mean_average_distance(x) == pytest.approx((1 + half + half) / 3)
    assert mean_average_distance(torch.ones(50, 3) * torch.rand(50, 1)) < 1e-6
    assert mean_average_distance(torch.tensor([[1.0], [-2.0]])) == pytest.approx(2.0)


def test_rows_of_zeros_are_alike_and_differ_from_others():
    assert mean_average_distance(torch.zeros(5, 3)) == 0
    x = torch.zeros(4, 3)
    x[0, 0] = 1
    # three of six pairs hold one row that is not zero
    assert mean_average_distance(x) == pytest.approx(0.5)


def test_one_node_has_no_distance():
    with pytest.raises(ValueError, match=r"two nodes or more \(got 1\)"):
        mean_average_distance(torch.ones(1, 3))
