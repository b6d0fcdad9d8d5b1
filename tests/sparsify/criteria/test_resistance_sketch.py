import networkx as nx
import numpy as np
import pytest
import torch

from graphllm.kernels.undirected import undirected
from graphllm.sparsify.criteria import effective_resistance
from graphllm.sparsify.criteria import resistance_sketch as module
from graphllm.sparsify.criteria.resistance_sketch import (
    adjacency,
    sketched_resistance,
    solve,
)


def grouped(graph):
    return undirected(torch.tensor(list(graph.edges)).t(), len(graph))


def test_the_matrix_is_that_of_networkx():
    graph = nx.karate_club_graph()
    expected = nx.to_numpy_array(graph, weight=None)
    assert np.array_equal(adjacency(grouped(graph)).toarray(), expected)


def test_solutions_of_connected_and_separate_pieces():
    graph = nx.disjoint_union(nx.gnp_random_graph(40, 0.2, seed=0), nx.path_graph(30))
    matrix = adjacency(grouped(graph))
    degree = matrix.sum(axis=1)
    laplacian = np.diag(degree) - matrix.toarray()
    right = laplacian @ np.random.default_rng(0).standard_normal((70, 3))
    right[:, 2] = 0.0
    result = solve(matrix, degree, right)
    np.testing.assert_allclose(laplacian @ result, right, atol=1e-3)
    assert not result[:, 2].any()


def test_the_mean_over_many_signs_is_the_resistance():
    # One cycle of four: the sketch of one projection is far off, its mean is not.
    graph = grouped(nx.cycle_graph(4))
    source, target = np.array([0, 1]), np.array([1, 2])
    each = [sketched_resistance(graph, source, target, 1, seed) for seed in range(400)]
    assert np.std(each, axis=0).min() > 0.3
    np.testing.assert_allclose(np.mean(each, axis=0), 0.75, atol=0.15)


@pytest.mark.parametrize("count", [1, 8, 9, 20])
def test_projections_are_counted_whatever_the_block(count, monkeypatch):
    # On a tree each projection gives exactly one for each edge.
    edge_index = torch.tensor(list(nx.balanced_tree(2, 4).edges)).t()
    score = effective_resistance(edge_index, 31, method="jl", num_proj=count)
    assert score.tolist() == pytest.approx([1.0] * 30, abs=1e-3)


def test_too_few_steps_are_said(monkeypatch):
    monkeypatch.setattr(module, "MAX_ITERATIONS", 5)
    edge_index = torch.tensor(list(nx.path_graph(200).edges)).t()
    with pytest.warns(UserWarning, match="rough: after 5 steps a residual of"):
        effective_resistance(edge_index, 200, method="jl", num_proj=2)
