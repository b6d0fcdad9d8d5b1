import math

import networkx as nx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from graphllm.experiments.mog.measures import (
    connectivity,
    homophily,
    inference_ms,
    timed_ms,
)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 9).flatmap(
        lambda n: st.tuples(
            st.just(n),
            st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1))),
        )
    )
)
def test_against_networkx(drawn):
    num_nodes, pairs = drawn
    edge_index = torch.tensor(pairs, dtype=torch.long).view(-1, 2).t()
    graph = nx.DiGraph()
    graph.add_nodes_from(range(num_nodes))
    graph.add_edges_from(pair for pair in pairs if pair[0] != pair[1])
    assert connectivity(edge_index, num_nodes) == {
        "components": nx.number_weakly_connected_components(graph),
        "isolated": sum(graph.in_degree(node) == 0 for node in graph),
    }


def test_a_node_that_speaks_and_hears_nothing_is_isolated():
    measured = connectivity(torch.tensor([[0, 1], [1, 1]]), 3)
    assert measured == {"components": 2.0, "isolated": 2.0}


def test_homophily_is_that_of_edges_with_two_known_ends():
    y = torch.tensor([0, 0, 1, -1])
    edges = torch.tensor([[0, 1, 0, 3, 2], [1, 2, 2, 0, 3]])
    assert homophily(edges, y) == pytest.approx(1 / 3)
    assert math.isnan(homophily(edges[:, 3:], y))


def test_the_faster_of_two_calls_is_told(monkeypatch):
    ticks, calls = iter([0.0, 9.0, 10.0, 10.5]), []
    monkeypatch.setattr(
        "graphllm.experiments.mog.measures.time.perf_counter", lambda: next(ticks)
    )
    assert timed_ms(lambda: calls.append(0) or len(calls)) == (2, 500.0)


class Recorder(nn.Module):
    """Knows which graphs it was run on, and in which mode."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, x, edge_index):
        self.seen.append((edge_index.size(1), self.training, torch.is_grad_enabled()))
        return x


def test_graphs_take_turns_and_the_first_pass_of_a_turn_does_not_count(monkeypatch):
    clock = iter(range(1000))
    monkeypatch.setattr(
        "graphllm.experiments.mog.measures.time.perf_counter", lambda: next(clock)
    )
    gnn = Recorder()
    edges = torch.zeros(2, 5, dtype=torch.long)
    graphs = {"dense": edges, "sparse": edges[:, :2]}
    found = inference_ms(gnn, torch.ones(3, 1), graphs, rounds=2, passes=3)
    turns = [5] * 4 + [2] * 4
    assert gnn.seen == [(size, False, False) for size in turns * 2]
    # Two readings of the clock a timed pass, none for the others.
    assert next(clock) == 2 * 2 * 2 * 3
    assert found == {"dense": 1000.0, "sparse": 1000.0}


def test_the_median_is_over_all_turns(monkeypatch):
    ticks = iter([0, 1, 0, 9, 0, 2])
    monkeypatch.setattr(
        "graphllm.experiments.mog.measures.time.perf_counter", lambda: next(ticks)
    )
    edges = torch.zeros(2, 1, dtype=torch.long)
    found = inference_ms(Recorder(), torch.ones(2, 1), {"a": edges}, rounds=3, passes=1)
    assert found["a"] == pytest.approx(2000.0)
