import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.errors import TextGraphError
from graphllm.kernels import incoming as module
from graphllm.kernels.incoming import group_by_target, incoming_sum


def edges_of(pairs):
    return torch.tensor(pairs, dtype=torch.long).view(-1, 2).t()


def torch_sum(edge_index, value):
    """The plain twin."""
    total = torch.zeros(len(value), dtype=torch.double)
    return total.index_add(0, edge_index[1], value[edge_index[0]])


@settings(max_examples=50, deadline=None)
@given(
    num_nodes=st.integers(1, 9),
    raw=st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=30),
)
def test_groups_hold_every_edge_once_sorted_by_source(num_nodes, raw):
    pairs = [(a % num_nodes, b % num_nodes) for a, b in raw]
    start, source, out_degree = group_by_target(edges_of(pairs), num_nodes)
    for node in range(num_nodes):
        mine = source[start[node] : start[node + 1]].tolist()
        assert mine == sorted(a for a, b in pairs if b == node)
    assert start[0] == 0
    assert start[-1] == len(pairs)
    assert out_degree.tolist() == [
        sum(a == n for a, _ in pairs) for n in range(num_nodes)
    ]
    assert source.dtype == np.int32


def test_sums_by_hand():
    grouped = group_by_target(edges_of([(0, 1), (0, 1), (2, 1), (1, 1), (1, 0)]), 4)
    value = np.array([1.0, 10.0, 100.0, 1000.0])
    assert incoming_sum(grouped, value).tolist() == [10.0, 112.0, 0.0, 0.0]


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_sums_equal_torch_and_threads_change_no_bit(threads, monkeypatch):
    monkeypatch.setattr(module, "MIN_EDGES_PER_THREAD", 100)
    # A hub takes half of all edges, so that some spans hold no node at all.
    edge_index = torch.randint(50, (2, 2000))
    edge_index[1, ::2] = 7
    value = torch.rand(50, dtype=torch.double)
    grouped = group_by_target(edge_index, 50)
    result = incoming_sum(grouped, value.numpy(), threads)
    np.testing.assert_allclose(result, torch_sum(edge_index, value), rtol=1e-12)
    assert np.array_equal(result, incoming_sum(grouped, value.numpy()))


def test_no_edges_and_no_nodes():
    assert (
        incoming_sum(group_by_target(edges_of([]), 3), np.ones(3)).tolist() == [0] * 3
    )
    assert incoming_sum(group_by_target(edges_of([]), 0), np.ones(0)).size == 0


@pytest.mark.parametrize(("pair", "bad"), [((0, 3), 3), ((-1, 0), -1)])
def test_an_edge_to_nowhere(pair, bad):
    with pytest.raises(
        TextGraphError, match=rf"ids in \[0, 2\] \(got {bad}\).*3 nodes"
    ):
        group_by_target(edges_of([(0, 1), pair]), 3)
