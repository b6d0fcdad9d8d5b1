from copy import copy

import pytest
import torch

from graphllm.enhance import attach
from graphllm.experiments.fingerprint import features_hash


@pytest.fixture
def graph(sbm):
    generator = torch.Generator().manual_seed(0)
    x, answers = (torch.randn(n, 4, generator=generator) for n in (60, 7))
    index = torch.tensor([1, 5, 9, 20, 33, 40, 59])
    return attach(sbm, x, index, answers, [], 0.5)


def changed(graph, name, value):
    other = copy(graph)
    setattr(other, name, value)
    return other


def test_the_same_graph_has_the_same_hash(graph):
    assert features_hash(copy(graph)) == features_hash(graph)


@pytest.mark.parametrize("name", ["x", "x_llm", "edge_weight"])
def test_a_changed_number_is_another_graph(graph, name):
    value = graph[name].clone()
    value.view(-1)[3] += 1e-3
    assert features_hash(changed(graph, name, value)) != features_hash(graph)


def test_a_changed_mask_is_another_graph(graph):
    mask = graph.train_mask.clone()
    mask[0] = ~mask[0]
    assert features_hash(changed(graph, "train_mask", mask)) != features_hash(graph)


def test_edges_count_as_stored(graph):
    edges = graph.edge_index
    doubled = torch.cat([edges, edges[:, :1]], dim=1)
    turned = edges.flip(1)  # the same set, and weights of others
    for other in (doubled, turned):
        assert features_hash(changed(graph, "edge_index", other)) != (
            features_hash(graph)
        )


def test_kept_edges_and_free_weights_count(graph):
    keep = torch.ones(graph.num_edges, dtype=torch.bool)
    free = torch.ones(graph.num_edges)
    hashes = {
        features_hash(graph),
        features_hash(changed(graph, "keep_edge", keep)),
        features_hash(changed(graph, "free_edge_weight", free)),
    }
    assert len(hashes) == 3
