from itertools import combinations

import networkx as nx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.errors import TextGraphError
from graphllm.kernels import row_spans
from graphllm.kernels.triangles import triangles


def edges_of(pairs):
    return torch.tensor(pairs, dtype=torch.long).view(-1, 2).t()


def listed(edge_index, num_nodes):
    """Every three nodes that are joined, by trying all of them."""
    joined = {frozenset(pair) for pair in edge_index.t().tolist()}
    return [
        three
        for three in combinations(range(num_nodes), 3)
        if all(frozenset(pair) in joined for pair in combinations(three, 2))
    ]


def test_by_hand():
    edge_index = edges_of([(0, 1), (1, 2), (2, 0), (0, 2), (3, 2), (2, 2), (4, 4)])
    assert triangles(edge_index, 5).tolist() == [[0], [1], [2]]


@settings(max_examples=80, deadline=None)
@given(
    num_nodes=st.integers(1, 9),
    raw=st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=60),
)
def test_any_graph_against_all_triples(num_nodes, raw):
    edge_index = edges_of([(a % num_nodes, b % num_nodes) for a, b in raw])
    found = triangles(edge_index, num_nodes).t().tolist()
    assert sorted(map(tuple, found)) == listed(edge_index, num_nodes)


def test_a_graph_with_hubs_against_networkx():
    graph = nx.powerlaw_cluster_graph(400, 6, 0.6, seed=1)
    graph.add_edges_from((0, node) for node in range(1, 400))
    found = triangles(torch.tensor(list(graph.edges)).t(), 400)
    per_node = torch.bincount(found.flatten(), minlength=400)
    assert per_node.tolist() == list(nx.triangles(graph).values())
    assert len(set(map(tuple, found.t().tolist()))) == found.size(1)
    assert (found[0] < found[1]).all()
    assert (found[1] < found[2]).all()


def test_the_order_of_triangles_does_not_depend_on_threads(monkeypatch):
    graph = nx.gnp_random_graph(120, 0.2, seed=0)
    edge_index = torch.tensor(list(graph.edges)).t()
    alone = triangles(edge_index, 120)
    monkeypatch.setattr(row_spans, "MIN_ENTRIES_PER_SPAN", 10)
    monkeypatch.setattr(row_spans.numba.config, "NUMBA_NUM_THREADS", 5)
    assert torch.equal(triangles(edge_index, 120), alone)


def test_no_edges_and_no_nodes():
    for num_nodes in (0, 3):
        assert triangles(edges_of([]), num_nodes).shape == (3, 0)


def test_a_limit_is_kept_and_says_how_many_there_are():
    edge_index = torch.combinations(torch.arange(6)).t()
    assert triangles(edge_index, 6, limit=20).size(1) == 20
    with pytest.raises(TextGraphError, match=r"20 triangles, more than 'limit' \(19\)"):
        triangles(edge_index, 6, limit=19)


def test_an_edge_to_nowhere():
    with pytest.raises(TextGraphError, match=r"\[0, 2\] \(got 3\)"):
        triangles(edges_of([(0, 3)]), 3)
