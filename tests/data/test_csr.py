import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from graphllm.data import to_csr
from graphllm.errors import UnknownNameError


@st.composite
def graphs(draw):
    num_nodes = draw(st.integers(1, 8))
    node = st.integers(0, num_nodes - 1)
    pairs = draw(st.lists(st.tuples(node, node), max_size=20, unique=True))
    return torch.tensor(pairs, dtype=torch.long).view(-1, 2).t(), num_nodes


@given(graphs(), st.sampled_from(["source", "target"]))
@settings(max_examples=40, deadline=None)
def test_equals_scipy(graph, by):
    edge_index, num_nodes = graph
    ends = edge_index.numpy() if by == "source" else edge_index.numpy()[::-1]
    oracle = csr_array((np.ones(ends.shape[1]), ends), shape=(num_nodes, num_nodes))
    oracle.sort_indices()
    csr = to_csr(edge_index, num_nodes, by=by)
    assert csr.num_nodes == num_nodes
    assert csr.indptr.tolist() == oracle.indptr.tolist()
    assert csr.indices.tolist() == oracle.indices.tolist()
    assert csr.degree().tolist() == np.diff(oracle.indptr).tolist()


@given(graphs(), st.sampled_from(["source", "target"]))
@settings(max_examples=40, deadline=None)
def test_edge_ids_lead_back_to_the_columns(graph, by):
    edge_index, num_nodes = graph
    csr = to_csr(edge_index, num_nodes, by=by)
    here, there = (0, 1) if by == "source" else (1, 0)
    rows = torch.repeat_interleave(torch.arange(num_nodes), csr.degree())
    assert edge_index[here, csr.edge_ids].equal(rows)
    assert edge_index[there, csr.edge_ids].equal(csr.indices)
    assert csr.edge_ids.sort().values.tolist() == list(range(edge_index.size(1)))


def test_neighbors_by_hand():
    edge_index = torch.tensor([[2, 0, 0, 3], [1, 3, 1, 0]])
    csr = to_csr(edge_index, 4)
    assert [csr.neighbors(node).tolist() for node in range(4)] == [[1, 3], [], [1], [0]]
    back = to_csr(edge_index, 4, by="target")
    assert [back.neighbors(node).tolist() for node in range(4)] == [
        [3],
        [0, 2],
        [],
        [0],
    ]


def test_parallel_edges_are_kept_in_order():
    csr = to_csr(torch.tensor([[0, 0, 0], [1, 0, 1]]), 2)
    assert csr.indices.tolist() == [0, 1, 1]
    assert csr.edge_ids.tolist() == [1, 0, 2]


def test_graph_without_nodes():
    csr = to_csr(torch.empty(2, 0, dtype=torch.long), 0)
    assert csr.num_nodes == 0
    assert csr.indices.numel() == 0


def test_unknown_grouping():
    with pytest.raises(UnknownNameError, match="source, target"):
        to_csr(torch.empty(2, 0, dtype=torch.long), 1, by="sauce")
