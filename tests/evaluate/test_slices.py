import math

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.evaluate.slices import (
    Slices,
    bin_by_edges,
    bin_by_quantile,
    hops_from,
    local_homophily,
    node_slices,
    slice_accuracy,
)
from graphllm.testing import sbm_text_graph, tiny_text_graph


def digraph(data):
    graph = nx.DiGraph()
    graph.add_nodes_from(range(data.num_nodes))
    graph.add_edges_from(data.edge_index.t().tolist())
    return graph


def random_digraph(seed, num_nodes=25, num_edges=40):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(num_nodes, (2, num_edges), generator=generator)


@pytest.mark.parametrize("seed", range(4))
def test_homophily_by_counting(seed):
    edge_index = random_digraph(seed)
    y = torch.randint(-1, 3, (25,), generator=torch.Generator().manual_seed(seed))
    found = local_homophily(edge_index, y).tolist()
    for node in range(25):
        into = [s for s, t in edge_index.t().tolist() if t == node and y[s] >= 0]
        if y[node] < 0 or not into:
            assert math.isnan(found[node])
        else:
            same = sum(bool(y[s] == y[node]) for s in into)
            assert found[node] == pytest.approx(same / len(into))


def test_homophily_by_hand():
    data = tiny_text_graph()
    found = local_homophily(data.edge_index, data.y)
    assert found.tolist() == pytest.approx([1, 1, 2 / 3, 2 / 3, 1, 1])


@pytest.mark.parametrize("seed", range(4))
def test_hops_as_networkx_has_them(seed):
    edge_index = random_digraph(seed)
    mask = torch.zeros(25, dtype=torch.bool)
    mask[[1, 5]] = True
    graph = nx.DiGraph()
    graph.add_nodes_from(range(25))
    graph.add_edges_from(edge_index.t().tolist())
    expected = dict(nx.multi_source_dijkstra_path_length(graph, {1, 5}, weight=None))
    found = hops_from(edge_index, mask).tolist()
    assert found == [int(expected.get(node, -1)) for node in range(25)]
    near = hops_from(edge_index, mask, max_hops=1).tolist()
    assert near == [hops if hops <= 1 else -1 for hops in found]


def test_hops_from_nowhere():
    edge_index = random_digraph(0)
    assert (hops_from(edge_index, torch.zeros(25, dtype=torch.bool)) == -1).all()


def test_bins_by_edges_hold_their_lower_edge_and_the_last_both():
    values = torch.tensor([0.0, 0.2, 0.25, 0.5, 0.99, 1.0, math.nan, 1.5])
    cut = bin_by_edges(values, [0.0, 0.25, 0.5, 1.0])
    assert cut.index.tolist() == [0, 0, 1, 2, 2, 2, -1, -1]
    assert cut.names == ("0 – 0.25", "0.25 – 0.5", "0.5 – 1")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=60), st.integers(1, 6))
def test_quantile_bins_are_ordered_disjoint_and_named_by_their_ends(values, num_bins):
    cut = bin_by_quantile(torch.tensor(values), num_bins)
    index = cut.index.numpy()
    assert len(cut.names) <= num_bins
    assert sorted(set(index.tolist())) == list(range(len(cut.names)))
    last = -1
    for place, name in enumerate(cut.names):
        inside = np.array(values)[index == place]
        ends = [int(end) for end in name.split(" – ")]
        assert (ends[0], ends[-1]) == (inside.min(), inside.max())
        assert inside.min() > last
        last = inside.max()


def test_quantile_bins_of_different_numbers_are_equally_full():
    cut = bin_by_quantile(torch.randperm(400), 4)
    assert torch.bincount(cut.index).tolist() == pytest.approx([100] * 4, abs=1)


def test_slices_of_a_graph():
    data = sbm_text_graph(60, seed=3)
    found = node_slices(data, num_bins=3)
    assert list(found) == ["homophily", "degree", "text_length", "distance_to_train"]
    graph = digraph(data)
    train = set(data.train_mask.nonzero().view(-1).tolist())
    far = dict(nx.multi_source_dijkstra_path_length(graph, train, weight=None))
    names = found["distance_to_train"].names
    assert names == ("0", "1", "2 or more", "out of reach")
    for node in range(60):
        name = names[int(found["distance_to_train"].index[node])]
        hops = far.get(node)
        assert name == ("out of reach" if hops is None else names[min(hops, 2)])
        low, high = _ends(found["degree"], node)
        assert low <= graph.in_degree(node) <= high
        low, high = _ends(found["text_length"], node)
        assert low <= len(data.text[node]) <= high


def _ends(cut, node):
    ends = [int(end) for end in cut.names[int(cut.index[node])].split(" – ")]
    return ends[0], ends[-1]


@pytest.mark.parametrize("seed", range(3))
def test_accuracy_of_each_bin_by_counting(seed):
    generator = torch.Generator().manual_seed(seed)
    index = torch.randint(-1, 3, (40,), generator=generator)
    right, mask = (torch.rand(2, 40, generator=generator) < 0.5).unbind()
    cut = {"kind": Slices(index, ("a", "b", "c", "empty"))}
    rows = slice_accuracy(right, mask, cut)
    assert [row["bin"] for row in rows] == ["a", "b", "c", "empty"]
    for place, row in enumerate(rows[:3]):
        inside = [i for i in range(40) if mask[i] and index[i] == place]
        assert row["slice"] == "kind"
        assert row["nodes"] == len(inside)
        hits = sum(bool(right[i]) for i in inside)
        assert row["acc"] == pytest.approx(hits / len(inside))
    assert rows[3]["nodes"] == 0
    assert math.isnan(rows[3]["acc"])
