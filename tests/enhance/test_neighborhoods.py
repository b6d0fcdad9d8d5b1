import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.enhance import HybridNeighbors, JudgeNeighbors, SimilarityNeighbors
from graphllm.enhance.neighborhoods import mean_one


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(0, 25))
def test_mean_one_by_brute_force(seed, num_nodes, num_edges):
    generator = torch.Generator().manual_seed(seed)
    edges = torch.randint(num_nodes, (2, num_edges), generator=generator)
    value = torch.rand(num_edges, generator=generator) + 0.1
    value[torch.rand(num_edges, generator=generator) < 0.3] = float("nan")
    weight = mean_one(edges, value, num_nodes)
    for i in range(num_nodes):
        into = edges[1] == i
        known = into & ~value.isnan()
        expected = torch.ones(num_edges)
        expected[known] = value[known] / value[known].mean()
        torch.testing.assert_close(weight[into], expected[into])


def test_which_forms_ask():
    asking = [rule.asks for rule in (JudgeNeighbors(), HybridNeighbors())]
    assert asking == [True, True]
    assert not SimilarityNeighbors().asks
