import pytest
import torch

from graphllm.errors import GraphLLMError
from graphllm.loader import SaintEdge
from graphllm.seed import generator


def test_edges_are_drawn_by_the_degrees_of_their_ends(graph):
    bound = SaintEdge(10).bind(graph)
    into = graph.edge_index[1].bincount(minlength=60).clamp(min=1)
    source, target = graph.edge_index[:, bound.csr.edge_ids]
    share = 1 / into[source] + 1 / into[target]
    expected = (share / share.sum()).double()
    assert torch.allclose(bound.draws.probability, expected, atol=1e-7)


def test_nodes_of_a_draw_come_with_a_drawn_edge(graph):
    bound = SaintEdge(4).bind(graph)
    ends = graph.edge_index
    for seed in range(5):
        nodes = bound.draw(generator(seed))
        assert nodes.equal(nodes.unique())
        assert nodes.numel() <= 8
        for node in nodes.tolist():
            touching = ends[:, (ends == node).any(dim=0)]
            assert torch.isin(touching, nodes).all(dim=0).any()
        assert 59 not in nodes


def test_without_normalisation(graph):
    bound = SaintEdge(30, normalize=False).bind(graph)
    batch = next(bound.epoch(generator(0)))
    assert batch.edge_weight.equal(graph.edge_weight[batch.e_id])
    assert "loss_weight" not in batch


def test_wrong_options(graph):
    with pytest.raises(GraphLLMError, match="'num_edges' must be"):
        SaintEdge(0)
    with pytest.raises(GraphLLMError, match="'num_steps' must be"):
        SaintEdge(num_steps=-1)
    graph.train_mask[:] = torch.arange(60) == 59
    with pytest.raises(GraphLLMError, match="draw nodes or walks instead"):
        SaintEdge().bind(graph)
