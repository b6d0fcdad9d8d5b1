import pytest
import torch
from torch_geometric.utils import to_dense_adj

from graphllm.errors import GraphLLMError
from graphllm.loader import SaintNode
from graphllm.seed import generator


def test_nodes_are_drawn_by_the_norms_of_their_columns(graph):
    ends = graph.edge_index[:, graph.edge_index[0] != graph.edge_index[1]].unique(dim=1)
    graph.edge_index = ends
    del graph.edge_weight
    rows = to_dense_adj(ends, max_num_nodes=60)[0].T.double() + torch.eye(60)
    rows /= rows.sum(dim=1, keepdim=True)
    column = rows.square().sum(dim=0)
    bound = SaintNode(10).bind(graph)
    assert torch.allclose(bound.draws.probability, column / column.sum())
    assert bound.draws.probability.min() > 0


def test_no_more_nodes_than_draws(graph):
    bound = SaintNode(10).bind(graph)
    for seed in range(5):
        nodes = bound.draw(generator(seed))
        assert 1 <= nodes.numel() <= 10
        assert nodes.equal(nodes.unique())


def test_without_normalisation(graph):
    bound = SaintNode(30, normalize=False).bind(graph)
    batch = next(bound.epoch(generator(0)))
    assert batch.edge_weight.equal(graph.edge_weight[batch.e_id])
    assert "loss_weight" not in batch


def test_wrong_options():
    with pytest.raises(GraphLLMError, match="'num_nodes' must be"):
        SaintNode(0)
    with pytest.raises(GraphLLMError, match="'num_steps' must be"):
        SaintNode(num_steps=0)
