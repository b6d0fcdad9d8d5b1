import networkx as nx
import torch

from graphllm.sparsify.criteria import degree


def test_by_hand():
    # 0-1 twice and back, 1-2, a loop at 2, and node 3 alone: degrees 1, 2, 1, 0.
    edge_index = torch.tensor([[0, 0, 1, 1, 2], [1, 1, 0, 2, 2]])
    assert degree(edge_index, 4).tolist() == [1.5, 1.5, 1.5, 1.5, 1.0]


def test_against_networkx():
    graph = nx.karate_club_graph()
    edge_index = torch.tensor(list(graph.edges)).t()
    expected = [(graph.degree(a) + graph.degree(b)) / 2 for a, b in graph.edges]
    assert degree(edge_index, 34).tolist() == expected
