from math import log

import networkx as nx
import pytest
import torch

from graphllm.kernels.undirected import undirected
from graphllm.sparsify.criteria import local_degree
from graphllm.sparsify.criteria.local_degree import rank_exponent


def test_by_hand():
    # Degrees 4, 3, 2, 2, 1: around 0, node 1 is first, 2 and 3 share rank 2, and 4 is
    # fourth; around 1, node 0 is first and 2 and 3 share rank 2 of 3.
    edge_index = torch.tensor([[0, 0, 0, 0, 1, 1, 0], [1, 2, 3, 4, 2, 3, 0]])
    # Nodes 2 and 3 have 0 first and 1 second, who is last of theirs.
    expected = [1.0, 1.0, 1.0, 1.0, 1 - log(2) / log(3), 1 - log(2) / log(3), 0.0]
    assert local_degree(edge_index, 5).tolist() == pytest.approx(expected)


def test_brute_force():
    graph = nx.barabasi_albert_graph(60, 3, seed=0)

    def seen_from(a, b):
        rank = 1 + sum(graph.degree(c) > graph.degree(b) for c in graph[a])
        return 1 - log(rank) / log(graph.degree(a)) if graph.degree(a) > 1 else 1.0

    expected = [max(seen_from(a, b), seen_from(b, a)) for a, b in graph.edges]
    edge_index = torch.tensor(list(graph.edges)).t()
    assert local_degree(edge_index, 60).tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("alpha", [0.3, 0.5, 0.9])
def test_a_threshold_keeps_a_power_of_the_degree(alpha):
    graph = undirected(torch.stack([torch.zeros(50).long(), torch.arange(1, 51)]), 51)
    around_hub = rank_exponent(graph, torch.arange(1, 101).numpy())[:50]
    assert (around_hub >= 1 - alpha).sum() == int(50**alpha)
