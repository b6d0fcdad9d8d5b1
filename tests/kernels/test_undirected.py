import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.errors import TextGraphError
from graphllm.kernels.edge_ends import both_ends
from graphllm.kernels.undirected import slots_of, undirected


def edges_of(pairs):
    return torch.tensor(pairs, dtype=torch.long).view(-1, 2).t()


@settings(max_examples=60, deadline=None)
@given(
    num_nodes=st.integers(1, 9),
    raw=st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=40),
)
def test_neighbours_and_slots_are_those_of_networkx(num_nodes, raw):
    pairs = [(a % num_nodes, b % num_nodes) for a, b in raw]
    simple = nx.Graph(pairs)
    simple.add_nodes_from(range(num_nodes))
    simple.remove_edges_from(nx.selfloop_edges(simple))
    edge_index = edges_of(pairs)
    graph = undirected(edge_index, num_nodes)
    for node in range(num_nodes):
        mine = graph.indices[graph.indptr[node] : graph.indptr[node + 1]].tolist()
        assert mine == sorted(simple[node])
    assert graph.indices.dtype == np.int32
    assert graph.degree().tolist() == [simple.degree(n) for n in range(num_nodes)]
    slots = slots_of(graph, *both_ends(edge_index, num_nodes))
    for (a, b), slot in zip(pairs, slots, strict=True):
        if a == b:
            assert slot == -1
        else:
            assert graph.indptr[a] <= slot < graph.indptr[a + 1]
            assert graph.indices[slot] == b


def test_no_edges_and_no_nodes():
    assert undirected(edges_of([]), 3).indptr.tolist() == [0, 0, 0, 0]
    assert undirected(edges_of([]), 0).num_nodes == 0
    assert undirected(edges_of([(1, 1)]), 2).indices.size == 0


def test_ids_need_no_more_than_31_bits():
    with pytest.raises(TextGraphError, match=r"2147483648 nodes.*32-bit"):
        undirected(edges_of([]), 2**31)


def test_an_edge_to_nowhere():
    with pytest.raises(TextGraphError, match=r"\[0, 2\] \(got 3\).*3 nodes"):
        undirected(edges_of([(0, 3)]), 3)
