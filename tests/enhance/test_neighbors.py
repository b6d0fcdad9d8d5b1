import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.enhance import neighbors
from graphllm.enhance.neighbors import (
    inference_weights,
    keep_edges,
    neighbor_similarity,
    neighbor_weights,
)
from graphllm.errors import UnknownNameError


@pytest.fixture
def graph(tiny):
    generator = torch.Generator().manual_seed(0)
    tiny.x = torch.randn(6, 4, generator=generator)
    tiny.llm_index = torch.tensor([2, 4])
    tiny.x_llm = torch.randn(2, 4, generator=generator)
    return tiny


def test_similarity_is_the_cosine_of_query_and_neighbour(graph):
    score = neighbor_similarity(graph.edge_index, graph.x, graph.x_llm, graph.llm_index)
    for (source, target), value in zip(
        graph.edge_index.t().tolist(), score, strict=True
    ):
        if target in (2, 4):
            row = graph.x_llm[[2, 4].index(target)]
            expected = F.cosine_similarity(row, graph.x[source], dim=0)
            assert torch.isclose(value, expected)
        else:
            assert value.isnan()


def test_weights_by_hand(graph):
    weight = neighbor_weights(
        graph.edge_index, graph.x, graph.x_llm, graph.llm_index, temperature=0.5
    )
    score = neighbor_similarity(graph.edge_index, graph.x, graph.x_llm, graph.llm_index)
    for node in range(6):
        into = graph.edge_index[1] == node
        if node in (2, 4):
            expected = (score[into] / 0.5).softmax(0) * int(into.sum())
            assert torch.allclose(weight[into], expected)
        else:
            assert torch.equal(weight[into], torch.ones(int(into.sum())))


def test_many_edges_are_scored_in_parts(graph, monkeypatch):
    whole = neighbor_similarity(graph.edge_index, graph.x, graph.x_llm, graph.llm_index)
    monkeypatch.setattr(neighbors, "_CHUNK", 8)  # two edges at a time
    parts = neighbor_similarity(graph.edge_index, graph.x, graph.x_llm, graph.llm_index)
    torch.testing.assert_close(parts, whole, equal_nan=True)


def test_encoder_weights_are_the_same_formula_for_everyone(graph):
    weight = inference_weights(graph, graph.x, "encoder", temperature=0.5)
    for node in range(6):
        into = graph.edge_index[1] == node
        others = graph.x[graph.edge_index[0, into]]
        cosine = F.cosine_similarity(graph.x[node], others, dim=-1)
        expected = (cosine / 0.5).softmax(0) * int(into.sum())
        torch.testing.assert_close(weight[into], expected)
    # the plain features of an enhanced node give it the very same weights
    plain = graph.x[graph.llm_index]
    same = neighbor_weights(graph.edge_index, graph.x, plain, graph.llm_index, 0.5)
    into = torch.isin(graph.edge_index[1], graph.llm_index)
    torch.testing.assert_close(same[into], weight[into])


def test_uniform_inference_has_no_weights(graph):
    assert inference_weights(graph, graph.x, "uniform") is None
    with pytest.raises(UnknownNameError, match="Did you mean 'encoder'"):
        inference_weights(graph, graph.x, "encode")


def test_no_enhanced_node_means_uniform_weights(graph):
    none = torch.empty(0, dtype=torch.long)
    weight = neighbor_weights(graph.edge_index, graph.x, graph.x_llm[:0], none)
    assert torch.equal(weight, torch.ones(graph.num_edges))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 8), st.integers(0, 30))
def test_weights_are_positive_with_mean_one(seed, num_nodes, num_edges):
    generator = torch.Generator().manual_seed(seed)
    edges = torch.randint(num_nodes, (2, num_edges), generator=generator)
    x = torch.randn(num_nodes, 3, generator=generator)
    index = torch.arange(0, num_nodes, 2)
    x_llm = torch.randn(index.numel(), 3, generator=generator)
    weight = neighbor_weights(edges, x, x_llm, index)
    assert bool((weight > 0).all())
    for node in edges[1].unique():
        assert torch.isclose(
            weight[edges[1] == node].mean(), torch.tensor(1.0), atol=1e-4
        )


def test_keep_edges_keeps_the_best_of_each_node():
    edges = torch.tensor([[1, 2, 3, 0, 2], [0, 0, 0, 1, 1]])
    weight = torch.tensor([0.5, 2.0, 0.5, 1.0, 1.0])
    # node 0 keeps ceil(0.34 * 3) = 2: its second best ties with the third, both stay
    assert keep_edges(edges, weight, 0.34).tolist() == [True, True, True, True, True]
    # ceil(0.3 * 3) = 1 for node 0, and 1 of 2 equals for node 1, a tie
    assert keep_edges(edges, weight, 0.3).tolist() == [False, True, False, True, True]


@pytest.mark.parametrize("keep", [1, 2, 3, 0.3, 0.5, 1.0])
def test_keep_edges_by_brute_force(keep):
    generator = torch.Generator().manual_seed(3)
    edges = torch.randint(6, (2, 40), generator=generator)
    weight = torch.rand(40, generator=generator)
    kept = keep_edges(edges, weight, keep)
    for node in range(6):
        into = (edges[1] == node).nonzero().view(-1)
        quota = keep if isinstance(keep, int) else -(-keep * into.numel() // 1)
        best = into[weight[into].argsort(descending=True)][: int(quota)]
        assert kept[into].nonzero().view(-1).numel() == best.numel()
        assert bool(kept[best].all())


def test_keep_nothing_is_refused():
    for keep in (0, 0.0, 1.01, -2):
        with pytest.raises(ValueError, match="'keep' must be a count"):
            keep_edges(torch.zeros(2, 1).long(), torch.ones(1), keep)


def test_keep_edges_on_no_edges():
    assert keep_edges(torch.empty(2, 0, dtype=torch.long), torch.empty(0)).numel() == 0
