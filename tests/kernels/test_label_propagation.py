import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.datasets import load_dataset
from graphllm.kernels.label_propagation import label_propagation
from graphllm.kernels.undirected import undirected


def as_arrays(graph):
    edges = torch.tensor(list(graph.edges), dtype=torch.long).view(-1, 2).t()
    return undirected(edges, graph.number_of_nodes())


def cut(graph, part):
    """Share of the edges between parts, by networkx."""
    sets = [np.flatnonzero(part == k).tolist() for k in range(part.max() + 1)]
    inside = nx.community.partition_quality(graph, [s for s in sets if s])[0]
    return 1 - inside


def check_sizes(part, num_nodes, num_parts, imbalance=0.1):
    size = np.bincount(part, minlength=num_parts)
    assert size.size == num_parts
    assert size.sum() == num_nodes
    assert size.min() >= 1
    assert size.max() <= np.ceil((1 + imbalance) * num_nodes / num_parts)


@pytest.mark.parametrize("seed", range(3))
def test_planted_parts_are_found(seed):
    planted = np.random.default_rng(seed).permutation(300) // 50
    chance = np.where(planted[:, None] == planted, 0.3, 0.005)
    drawn = np.random.default_rng(seed).random((300, 300)) < chance
    graph = nx.from_numpy_array(np.triu(drawn, 1))
    part = label_propagation(as_arrays(graph), 6)
    assert cut(graph, part) <= cut(graph, planted)
    check_sizes(part, 300, 6)


@pytest.mark.parametrize("num_parts", [2, 8, 40])
def test_far_fewer_edges_are_cut_than_at_random(num_parts):
    graph = nx.random_geometric_graph(600, 0.08, seed=2)
    part = label_propagation(as_arrays(graph), num_parts)
    chance = cut(graph, np.random.default_rng(0).permutation(600) % num_parts)
    assert cut(graph, part) < 0.4 * chance
    check_sizes(part, 600, num_parts)


def test_near_the_best_of_networkx():
    """Kernighan and Lin swap pairs until no cut into halves is better."""
    graph = nx.planted_partition_graph(4, 30, 0.3, 0.05, seed=3)
    halves = nx.community.kernighan_lin_bisection(graph, seed=0)
    best = 1 - nx.community.partition_quality(graph, halves)[0]
    parts = [label_propagation(as_arrays(graph), 2, key) for key in range(5)]
    assert min(cut(graph, part) for part in parts) <= best + 0.03


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(0, 120),
    st.integers(0, 2**64 - 1),
)
@settings(max_examples=60, deadline=None)
def test_sizes_hold_on_any_graph(num_nodes, num_parts, num_edges, key):
    num_parts = min(num_parts, num_nodes)
    ends = np.random.default_rng(key % 97).integers(num_nodes, size=(2, num_edges))
    graph = undirected(torch.from_numpy(ends), num_nodes)
    check_sizes(label_propagation(graph, num_parts, key), num_nodes, num_parts)


@pytest.mark.parametrize("imbalance", [0.0, 0.5])
def test_the_imbalance_is_kept(imbalance):
    graph = as_arrays(nx.star_graph(99))
    part = label_propagation(graph, 10, imbalance=imbalance)
    check_sizes(part, 100, 10, imbalance)
    assert part.dtype == np.int64


def test_the_key_decides():
    graph = as_arrays(nx.gnp_random_graph(200, 0.03, seed=0))
    first, again, other = (label_propagation(graph, 5, key) for key in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_components_stay_whole_where_they_fit():
    graph = nx.disjoint_union_all([nx.complete_graph(5)] * 8)
    part = label_propagation(as_arrays(graph), 8)
    assert cut(graph, part) == 0.0


@pytest.mark.data
def test_cora_in_fifty_parts(data_root):
    data = load_dataset("cora", data_root)
    graph = undirected(data.edge_index, data.num_nodes)
    part = label_propagation(graph, 50)
    source, target = data.edge_index.numpy()
    assert np.mean(part[source] != part[target]) < 0.35
    check_sizes(part, data.num_nodes, 50)
