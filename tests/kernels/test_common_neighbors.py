import networkx as nx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.errors import TextGraphError
from graphllm.kernels import row_spans
from graphllm.kernels.common_neighbors import (
    common_neighbors,
    count_at_slots,
    stands_above,
)
from graphllm.kernels.undirected import undirected


def edges_of(pairs):
    return torch.tensor(pairs, dtype=torch.long).view(-1, 2).t()


def dense_common(edge_index, num_nodes):
    matrix = torch.zeros(num_nodes, num_nodes, dtype=torch.long)
    matrix[edge_index[0], edge_index[1]] = 1
    matrix = (matrix + matrix.t()).clamp(max=1).fill_diagonal_(0)
    return (matrix @ matrix)[edge_index[0], edge_index[1]]


def test_by_hand():
    # A triangle 0-1-2 with a tail 2-3; a direction, a repetition and a loop change
    # nothing, and the loop at 2 counts the neighbours of 2.
    edge_index = edges_of([(0, 1), (1, 2), (2, 0), (0, 2), (3, 2), (2, 2), (4, 4)])
    common = common_neighbors(edge_index, 5)
    assert common.tolist() == [1, 1, 1, 1, 0, 3, 0]
    assert common.dtype == torch.long


@settings(max_examples=80, deadline=None)
@given(
    num_nodes=st.integers(1, 9),
    raw=st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=60),
)
def test_any_graph_against_dense_algebra(num_nodes, raw):
    edge_index = edges_of([(a % num_nodes, b % num_nodes) for a, b in raw])
    common = common_neighbors(edge_index, num_nodes)
    assert torch.equal(common, dense_common(edge_index, num_nodes))


@pytest.mark.parametrize("threads", [1, 4])
def test_a_graph_with_hubs_against_networkx(threads, monkeypatch):
    monkeypatch.setattr(row_spans, "MIN_ENTRIES_PER_SPAN", 100)
    monkeypatch.setattr(row_spans.numba.config, "NUMBA_NUM_THREADS", threads)
    graph = nx.powerlaw_cluster_graph(400, 6, 0.6, seed=1)
    graph.add_edges_from((0, node) for node in range(1, 400))
    edge_index = torch.tensor(list(graph.edges)).t()
    expected = [len(set(graph[a]) & set(graph[b])) for a, b in graph.edges]
    assert common_neighbors(edge_index, 400).tolist() == expected


def test_counts_stand_in_the_rows_of_lower_degree():
    # A triangle 0-1-2 with a tail 2-3: degrees 2, 2, 3, 1; rows 0 and 1 hold theirs.
    graph = undirected(edges_of([(0, 1), (1, 2), (2, 0), (3, 2)]), 4)
    assert graph.indices.tolist() == [1, 2, 0, 2, 0, 1, 3, 2]
    assert count_at_slots(graph).tolist() == [1, 1, 0, 1, 0, 0, 0, 0]
    above = [
        [stands_above(graph.indptr, a, b) for b in range(4) if b != a] for a in range(4)
    ]
    assert above == [
        [False, False, True],
        [True, False, True],
        [True, True, True],
        [False, False, False],
    ]


def test_no_edges_and_no_nodes():
    for num_nodes in (0, 3):
        assert common_neighbors(edges_of([]), num_nodes).shape == (0,)


def test_an_edge_to_nowhere():
    with pytest.raises(TextGraphError, match=r"\[0, 2\] \(got 3\)"):
        common_neighbors(edges_of([(0, 3)]), 3)
