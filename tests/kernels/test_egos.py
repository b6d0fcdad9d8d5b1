import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.errors import TextGraphError
from graphllm.kernels import egos
from graphllm.kernels.egos import (
    ego_adjacency,
    ego_members,
    sort_in_edges,
    spread_to_slots,
)


def random_graph(num_nodes, num_edges, seed):
    """A directed graph with hubs, loops and duplicated edges."""
    rng = np.random.default_rng(seed)
    ends = (num_nodes * rng.random((2, num_edges)) ** 2).astype(np.int64)
    return torch.from_numpy(ends)


def members_by_hand(pairs, score, node, max_ego):
    best = {}
    for (source, target), value in zip(pairs, score, strict=True):
        if target == node and source != node:
            best[source] = max(value, best.get(source, -np.inf))
    ranked = sorted(best, key=lambda other: (-best[other], other))
    return [node, *ranked[: max_ego - 1]]


def adjacency_by_hand(pairs, kept, members, expert):
    kept_pairs = {p for p, row in zip(pairs, kept, strict=True) if row[expert]}
    size = len(members)
    matrix = np.zeros((size, size))
    for i in range(size):
        for j in range(size):
            tail, head = members[i], members[j]
            if i == j:
                continue
            if i == 0 or j == 0:
                # Only the edge that enters the centre is the centre's to judge.
                edge = (tail, head) if j == 0 else (head, tail)
                matrix[i, j] = edge in kept_pairs
            else:
                matrix[i, j] = bool({(tail, head), (head, tail)} & kept_pairs)
    return matrix


def solve(edge_index, num_nodes, score, kept, experts, max_ego):
    in_edges = sort_in_edges(edge_index, num_nodes)
    nodes = np.arange(num_nodes)
    members, size = ego_members(in_edges, score[in_edges.edge], nodes, max_ego)
    adjacency, star = ego_adjacency(in_edges, kept[in_edges.edge], members, experts)
    return in_edges, members, size, adjacency, star


@settings(max_examples=25, deadline=None)
@given(
    num_nodes=st.integers(1, 12),
    num_edges=st.integers(0, 60),
    max_ego=st.integers(2, 8),
    levels=st.integers(1, 5),
    seed=st.integers(0, 10**6),
)
def test_members_and_matrices_are_those_found_by_hand(
    num_nodes, num_edges, max_ego, levels, seed
):
    edge_index = random_graph(num_nodes, num_edges, seed)
    rng = np.random.default_rng(seed)
    # Few levels: ties have to fall to the smaller id.
    score = rng.integers(0, levels, num_edges).astype(float)
    kept = rng.random((num_edges, 3)) < 0.5
    experts = np.tile([2, -1, 0], (num_nodes, 1))
    _, members, size, adjacency, star = solve(
        edge_index, num_nodes, score, kept, experts, max_ego
    )
    pairs = [tuple(pair) for pair in edge_index.t().tolist()]
    for node in range(num_nodes):
        mine = members_by_hand(pairs, score, node, max_ego)
        assert members[node].tolist() == mine + [-1] * (max_ego - len(mine))
        assert size[node] == len(mine)
        expected = np.zeros((3, max_ego, max_ego))
        for place, expert in ((0, 2), (2, 0)):
            expected[place, : len(mine), : len(mine)] = adjacency_by_hand(
                pairs, kept, mine, expert
            )
        np.testing.assert_array_equal(adjacency[node], expected)
        assert star[node] == (not expected[:, 1:, 1:].any())


def test_slots_go_by_target_then_source_then_position():
    edge_index = torch.tensor([[2, 0, 2, 1, 0], [1, 1, 1, 0, 1]])
    start, source, edge = sort_in_edges(edge_index, 3)
    assert start.tolist() == [0, 1, 5, 5]
    assert source.tolist() == [1, 0, 0, 2, 2]
    assert edge.tolist() == [3, 1, 4, 0, 2]


def test_threads_change_nothing(monkeypatch):
    edge_index = random_graph(300, 3000, seed=1)
    rng = np.random.default_rng(1)
    score, kept = rng.random(3000), rng.random((3000, 2)) < 0.7
    experts = np.tile([0, 1], (300, 1))
    results = []
    for entries in (0, 1 << 14):
        monkeypatch.setattr(egos, "ENTRIES_PER_EGO", entries)
        in_edges, members, *rest = solve(edge_index, 300, score, kept, experts, 6)
        value = np.ones(3000)
        weight = np.arange(300.0)[:, None] + np.arange(6)
        spread_to_slots(in_edges, np.arange(300), members, weight, value)
        results.append([members, *rest, value])
    for one, many in zip(*results, strict=True):
        np.testing.assert_array_equal(one, many)


def test_weights_go_to_their_edges_and_the_rest_keeps_its_scale():
    # Into 0: from 1 (twice), 2, 3, 4 and itself; 3 and 4 are no members.
    edge_index = torch.tensor([[4, 1, 0, 2, 3, 1, 0], [0, 0, 0, 0, 0, 0, 4]])
    in_edges = sort_in_edges(edge_index, 5)
    value = np.array([0.4, 0.5, 1.0, 0.0, 1.0, 0.5, 0.7])[in_edges.edge]
    members = np.array([[0, 2, 1, -1]], dtype=np.int32)
    weight = np.array([[9.0, 0.2, 0.4, 9.0]])
    spread_to_slots(in_edges, np.array([0]), members, weight, value)
    by_edge = np.empty(7)
    by_edge[in_edges.edge] = value
    # One unit of value is worth (0.4 + 0.4 + 0.2) / (0.5 + 0.5 + 0.0) = 1 here.
    np.testing.assert_allclose(by_edge, [0.4, 0.4, 1.0, 0.2, 1.0, 0.4, 0.7])
    spread_to_slots(in_edges, np.array([0]), members, 3 * weight, value)
    by_edge[in_edges.edge] = value
    # Three times the weight, three times the worth; loop and other rows stay.
    np.testing.assert_allclose(by_edge, [1.2, 1.2, 1.0, 0.6, 3.0, 1.2, 0.7])


def test_where_members_have_no_value_the_rest_stays_as_it_is():
    in_edges = sort_in_edges(torch.tensor([[1, 2, 3], [0, 0, 0]]), 4)
    value = np.array([0.0, 0.0, 0.8])
    members = np.array([[0, 1, 2]], dtype=np.int32)
    spread_to_slots(in_edges, np.array([0]), members, np.ones((1, 3)), value)
    assert value.tolist() == [1.0, 1.0, 0.8]


def test_an_edge_of_no_node_is_refused():
    with pytest.raises(TextGraphError, match=r"ids in \[0, 2\] \(got 3\)"):
        sort_in_edges(torch.tensor([[0], [3]]), 3)
