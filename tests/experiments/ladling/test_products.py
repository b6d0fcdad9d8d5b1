import copy

import pytest
import torch
import torch_geometric.nn as pyg
from torch_geometric.utils import to_dense_adj

from graphllm.experiments.ladling.products import (
    features,
    is_mean,
    neighbor_mean,
    share_products,
    some_rows,
)
from graphllm.models import make_backbone


def sparse_features(num_nodes=30, num_columns=50, density=0.03):
    x = torch.randn(num_nodes, num_columns)
    return x * (torch.rand(x.shape) < density)


def random_edges(num_nodes=30, num_edges=80):
    """Repeated edges, self-loops and nodes without neighbours."""
    return torch.randint(num_nodes - 3, (2, num_edges))


def test_features_are_sparse_only_where_that_pays():
    x = sparse_features()
    factor = features(x)
    assert factor.matrix.layout == torch.sparse_csr
    assert torch.equal(factor.matrix.to_dense(), x)
    assert torch.equal(factor.transposed.to_dense(), x.t())
    dense = torch.randn(5, 4)
    assert features(dense).matrix is dense
    assert torch.equal(features(dense).transposed, dense.t())


def test_products_and_gradients_are_those_of_the_dense_features():
    x = sparse_features().double()
    weight = torch.randn(50, 4, dtype=torch.double, requires_grad=True)
    out = features(x) @ weight
    assert torch.allclose(out, x @ weight)
    assert torch.autograd.gradcheck(
        lambda w: features(x) @ w, weight, check_batched_grad=False
    )


def test_neighbour_means_are_those_of_the_dense_adjacency():
    edge_index, x = random_edges(), torch.randn(30, 3)
    dense = to_dense_adj(edge_index, max_num_nodes=30)[0].t()
    mean = dense / dense.sum(dim=1, keepdim=True).clamp_min(1)
    matrix = neighbor_mean(edge_index, x).matrix
    assert torch.allclose(matrix.to_dense(), mean)


def test_some_rows_without_their_empty_columns():
    dense = torch.zeros(6, 6)
    dense[1, 4], dense[3, 0], dense[3, 4], dense[5, 5] = 1.0, 2.0, 3.0, 4.0
    part, cols = some_rows(dense.to_sparse_csr(), torch.tensor([0, 1, 3]))
    assert cols.tolist() == [0, 4]
    assert part.matrix.to_dense().tolist() == [[0, 0], [0, 1], [2, 3]]


@pytest.mark.parametrize("name", ["gcn", "sage", "gcnii", "jknet", "resgcn", "sgc"])
@pytest.mark.parametrize("density", [0.03, 1.0])
def test_networks_compute_what_they_computed_before(name, density):
    x, edge_index = sparse_features(density=density), random_edges()
    plain = make_backbone(name, 50, 6, 3, 2)
    shared = share_products(copy.deepcopy(plain), x, edge_index)
    for model in (plain, shared):
        model(x, edge_index).square().sum().backward()
    out, expected = (model(x, edge_index) for model in (shared, plain))
    assert torch.allclose(out, expected, atol=1e-5)
    for ours, theirs in zip(shared.parameters(), plain.parameters(), strict=True):
        assert torch.allclose(ours.grad, theirs.grad, atol=1e-4)


def test_only_the_plain_convolution_of_graphsage_is_a_mean():
    assert is_mean(pyg.SAGEConv(3, 2))
    for options in ({"aggr": "max"}, {"normalize": True}, {"project": True}):
        assert not is_mean(pyg.SAGEConv(3, 2, **options))
    assert not is_mean(pyg.GCNConv(3, 2))
