import networkx as nx
import numpy as np
import pytest
import torch

from graphllm.kernels.forest_fire import burn
from graphllm.kernels.undirected import undirected


def graph_of(pairs, num_nodes):
    return undirected(torch.tensor(pairs, dtype=torch.long).view(-1, 2).t(), num_nodes)


def test_one_edge_burns_as_often_as_asked():
    graph = graph_of([(1, 3)], 5)
    burns = burn(graph, 0.5, 1000, key=1)
    assert burns.sum() == 1000
    # Either end is where a fire starts, by chance.
    assert 400 < burns[0] < 600


def test_the_leaves_of_a_star_by_hand():
    # Three leaves, p = 1/2. Fires that start at the centre (1 in 4) burn a leaf edge
    # with k = 0, 1, 2, >= 3 at 1/2, 1/4, 1/8, 1/8: 7/8 of the edges on average, 7/24
    # each. From a leaf (3 in 4), its own edge burns with 1/2, and behind it the other
    # two with 1/4 + 2/4: k = 1 at 1/4, >= 2 at 1/4, 3/4 of an edge.
    outward = 0.25 * 7 / 8 + 0.75 * 0.5 * 0.75
    inward = 0.75 * 0.5
    graph = graph_of([(0, 1), (0, 2), (0, 3)], 4)
    burns = burn(graph, 0.5, 60_000, key=3)
    assert burns[:3].sum() / burns.sum() == pytest.approx(
        outward / (outward + inward), abs=0.01
    )
    assert burns[:3] / burns[:3].sum() == pytest.approx([1 / 3] * 3, abs=0.02)
    assert burns[3:] / burns[3:].sum() == pytest.approx([1 / 3] * 3, abs=0.02)


def test_no_node_burns_twice_in_a_fire():
    # With p near one, a fire takes a whole component along a tree: N - 1 edges.
    graph = undirected(torch.tensor(list(nx.cycle_graph(10).edges)).t(), 12)
    once = burn(graph, 0.999_999_999, 1, key=0)
    assert once.sum() == 9
    assert once.max() == 1


def test_the_key_decides_and_nothing_else():
    graph = undirected(torch.tensor(list(nx.karate_club_graph().edges)).t(), 34)
    one, same, other = (burn(graph, 0.6, 300, key) for key in (5, 5, 6))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert 300 <= one.sum() < 300 + 33


def test_nothing_to_burn():
    assert burn(graph_of([], 4), 0.6, 10, 0).size == 0
    assert burn(graph_of([], 0), 0.6, 10, 0).size == 0
    assert burn(graph_of([(0, 1)], 2), 0.6, 0, 0).tolist() == [0, 0]
