from math import log

import networkx as nx
import pytest
import torch

from graphllm.sparsify.criteria import local_similarity


def test_by_hand():
    # Triangle 0-1-2 with a tail 2-3-4: for 2, nodes 0 and 1 come first (1/4), 3 last
    # of three (0); for 3, both neighbours have 0 and share the first rank.
    edge_index = torch.tensor([[0, 0, 1, 2, 3], [1, 2, 2, 3, 4]])
    assert local_similarity(edge_index, 5).tolist() == pytest.approx([1.0] * 5)
    # With 3-4-5 a triangle too, the bridge 2-3 is last of three for both.
    bridge = torch.tensor([[0, 0, 1, 2, 3, 3, 4], [1, 2, 2, 3, 4, 5, 5]])
    expected = [1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0]
    assert local_similarity(bridge, 6).tolist() == pytest.approx(expected, abs=1e-6)


def test_brute_force():
    graph = nx.powerlaw_cluster_graph(60, 4, 0.7, seed=0)

    def similar(a, b):
        ours, theirs = set(graph[a]), set(graph[b])
        return len(ours & theirs) / len(ours | theirs)

    def seen_from(a, b):
        rank = 1 + sum(similar(a, c) > similar(a, b) for c in graph[a])
        return 1 - log(rank) / log(graph.degree(a)) if graph.degree(a) > 1 else 1.0

    expected = [max(seen_from(a, b), seen_from(b, a)) for a, b in graph.edges]
    edge_index = torch.tensor(list(graph.edges)).t()
    score = local_similarity(edge_index, 60)
    assert score.tolist() == pytest.approx(expected, abs=1e-6)
