from math import sqrt

import networkx as nx
import pytest
import torch

from graphllm.sparsify.criteria import scan


def test_by_hand():
    # Triangle 0-1-2 with a tail 2-3: degrees 2, 2, 3, 1.
    edge_index = torch.tensor([[0, 0, 2, 2], [1, 2, 3, 2]])
    edge_index = torch.cat([edge_index, torch.tensor([[1], [2]])], dim=1)
    expected = [2 / 3, 2 / sqrt(12), 1 / sqrt(8), 1.0, 2 / sqrt(12)]
    assert scan(edge_index, 4).tolist() == pytest.approx(expected)


def test_brute_force():
    graph = nx.powerlaw_cluster_graph(80, 4, 0.5, seed=1)
    expected = [
        (len(set(graph[a]) & set(graph[b])) + 1)
        / sqrt((graph.degree(a) + 1) * (graph.degree(b) + 1))
        for a, b in graph.edges
    ]
    edge_index = torch.tensor(list(graph.edges)).t()
    assert scan(edge_index, 80).tolist() == pytest.approx(expected)
