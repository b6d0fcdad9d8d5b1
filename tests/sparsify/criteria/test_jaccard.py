import networkx as nx
import pytest
import torch

from graphllm.sparsify.criteria import jaccard


def test_by_hand():
    # Triangle 0-1-2 with a tail 2-3: N_0 = {1, 2}, N_2 = {0, 1, 3}, one in common of
    # four. A loop is all in common, or nothing of nothing.
    edge_index = torch.tensor([[0, 2, 1, 2, 3, 2, 4], [2, 1, 0, 3, 2, 2, 4]])
    expected = [1 / 4, 1 / 4, 1 / 3, 0.0, 0.0, 1.0, 0.0]
    assert jaccard(edge_index, 5).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(3))
def test_against_networkx(seed):
    graph = nx.powerlaw_cluster_graph(80, 4, 0.5, seed=seed)
    edge_index = torch.tensor(list(graph.edges)).t()
    expected = [p for *_, p in nx.jaccard_coefficient(graph, graph.edges)]
    assert jaccard(edge_index, 80).tolist() == pytest.approx(expected)
