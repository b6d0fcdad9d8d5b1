import sys

import networkx as nx
import numpy as np
import pytest
import torch

from graphllm.errors import GraphLLMError, TextGraphError, UnknownNameError
from graphllm.sparsify.criteria import effective_resistance


def edges_of(graph):
    return torch.tensor(list(graph.edges)).t()


def by_pinv(graph, pairs):
    inverse = np.linalg.pinv(nx.laplacian_matrix(graph).toarray().astype(float))
    at = {node: row for row, node in enumerate(graph)}
    index = [(at[a], at[b]) for a, b in pairs]
    return [inverse[a, a] + inverse[b, b] - 2 * inverse[a, b] for a, b in index]


def two_pieces():
    """A clustered graph, a cycle and an isolated node."""
    graph = nx.powerlaw_cluster_graph(40, 4, 0.5, seed=0)
    graph.add_edges_from((40 + i, 40 + (i + 1) % 5) for i in range(5))
    graph.add_node(45)
    return graph


def test_exact_is_the_pseudo_inverse_piece_by_piece():
    graph = two_pieces()
    score = effective_resistance(edges_of(graph), 46, method="exact")
    assert score.tolist() == pytest.approx(by_pinv(graph, graph.edges), abs=1e-5)
    # A cycle of five: one resistor beside four in a row.
    assert score[-5:].tolist() == pytest.approx([4 / 5] * 5)


def test_exact_on_trees_is_one_and_sums_to_one_less_than_the_nodes():
    tree = torch.stack([torch.arange(1, 60), (torch.arange(1, 60) - 1) // 2])
    one = effective_resistance(tree, 60, method="exact")
    assert one.tolist() == pytest.approx([1.0] * 59)
    graph = nx.connected_watts_strogatz_graph(50, 6, 0.3, seed=1)
    total = effective_resistance(edges_of(graph), 50, method="exact").sum()
    assert float(total) == pytest.approx(49.0, abs=1e-3)


def test_local_is_exact_in_the_subgraph_of_the_edge_and_never_less():
    graph = two_pieces()
    score = effective_resistance(edges_of(graph), 46, method="local")
    for (a, b), found in zip(graph.edges, score.tolist(), strict=True):
        common = set(graph[a]) & set(graph[b])
        inside = graph.subgraph({a, b} | common)
        assert found == pytest.approx(by_pinv(inside, [(a, b)])[0], abs=1e-5)
    exact = effective_resistance(edges_of(graph), 46, method="exact")
    assert (score >= exact - 1e-5).all()


def test_degree_by_hand_and_its_bounds():
    star = torch.tensor([[0, 0, 0, 1], [1, 2, 3, 1]])
    assert effective_resistance(star, 5).tolist() == pytest.approx([4 / 3] * 3 + [0.0])
    graph = nx.connected_watts_strogatz_graph(50, 6, 0.3, seed=1)
    proxy = effective_resistance(edges_of(graph), 50)
    exact = effective_resistance(edges_of(graph), 50, method="exact")
    gap = np.sort(np.linalg.eigvalsh(nx.normalized_laplacian_matrix(graph).toarray()))[
        1
    ]
    assert (exact >= proxy / 2 - 1e-6).all()
    assert (exact <= proxy / gap + 1e-6).all()


def test_jl_follows_exact_as_far_as_the_projections_allow():
    graph = two_pieces()
    edge_index = edges_of(graph)
    exact = effective_resistance(edge_index, 46, method="exact")
    score = effective_resistance(edge_index, 46, method="jl", num_proj=2000)
    # A standard deviation of 3.2 % an edge.
    assert (score / exact - 1.0).abs().max() < 0.15
    assert abs((score / exact).mean() - 1.0) < 0.02
    one, same, other = (
        effective_resistance(edge_index, 46, method="jl", seed=s) for s in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_too_large_for_exact_and_the_last_that_is_not(monkeypatch):
    pair = torch.tensor([[0], [1]])
    with pytest.raises(TextGraphError, match=r"5001 x 5001.*'jl', 'local' or 'degree'"):
        effective_resistance(pair, 5001, method="exact")
    inside = sys.modules[effective_resistance.__module__]
    monkeypatch.setattr(inside, "MAX_EXACT_NODES", 2)
    assert effective_resistance(pair, 2, method="exact").tolist() == pytest.approx([1])


def test_unknown_methods_and_no_projections():
    pair = torch.tensor([[0], [1]])
    with pytest.raises(UnknownNameError, match=r"'exakt'.*'exact'\? Choose.*degree"):
        effective_resistance(pair, 2, method="exakt")
    with pytest.raises(GraphLLMError, match=r"'num_proj' must be positive \(got 0\)"):
        effective_resistance(pair, 2, method="jl", num_proj=0)
