import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.enhance.candidates import Pairs, _scramble, draw_candidates

WORD = 2**64


def splitmix64(state):
    """The published mixing function, in integers without a limit."""
    state = (state + 0x9E3779B97F4A7C15) % WORD
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % WORD
    state = (state ^ (state >> 27)) * 0x94D049BB133111EB % WORD
    return state ^ (state >> 31)


def test_pairs_are_scrambled_by_splitmix():
    source, target = torch.tensor([0, 7, 2**40]), torch.tensor([3, 3, 5])
    for seed in (0, 1, 12345):
        got = _scramble(source, target, seed).tolist()
        for j, i, value in zip(source.tolist(), target.tolist(), got, strict=True):
            expected = splitmix64(splitmix64((splitmix64(seed) + i) % WORD) + j)
            assert value % WORD == expected


@st.composite
def graphs(draw):
    num_nodes = draw(st.integers(1, 8))
    node = st.integers(0, num_nodes - 1)
    pairs = draw(st.lists(st.tuples(node, node), max_size=24))
    return torch.tensor(pairs, dtype=torch.long).view(-1, 2).t(), num_nodes


@settings(max_examples=30, deadline=None)
@given(graphs(), st.integers(1, 4), st.integers(0, 99))
def test_distinct_incoming_neighbours_up_to_the_limit(graph, limit, seed):
    edge_index, num_nodes = graph
    nodes = torch.arange(0, num_nodes, 2)
    into = {int(i): set() for i in nodes}
    for j, i in edge_index.t().tolist():
        if i in into and i != j:
            into[i].add(j)
    drawn = draw_candidates(edge_index, nodes, limit, seed, num_nodes).by_node()
    everyone = draw_candidates(edge_index, nodes, None, seed, num_nodes).by_node()
    for node, others in into.items():
        assert set(everyone.get(node, [])) == others
        # the fewer are the first of all
        assert drawn.get(node, []) == everyone.get(node, [])[:limit]
    assert drawn.keys() <= into.keys()


@settings(max_examples=15, deadline=None)
@given(graphs(), st.integers(0, 99), st.randoms(use_true_random=False))
def test_the_draw_of_a_node_depends_on_its_neighbourhood_alone(graph, seed, random):
    edge_index, num_nodes = graph
    order = list(range(edge_index.size(1)))
    random.shuffle(order)
    everyone = draw_candidates(
        edge_index[:, order], torch.arange(num_nodes), 2, seed, num_nodes
    ).by_node()
    for node in range(num_nodes):
        own = edge_index[:, edge_index[1] == node]
        alone = draw_candidates(own, torch.tensor([node]), 2, seed, num_nodes + 5)
        assert alone.by_node().get(node) == everyone.get(node)


def test_every_neighbour_of_a_hub_is_drawn_equally_often():
    star = torch.stack([torch.arange(1, 21), torch.zeros(20, dtype=torch.long)])
    seen = torch.zeros(21)
    for seed in range(400):
        pairs = draw_candidates(star, torch.tensor([0]), 5, seed, 21)
        assert pairs.source.numel() == 5
        seen[pairs.source] += 1
    # 400 draws with probability 1/4: mean 100, standard deviation 8.7
    assert float((seen[1:] - 100).abs().max()) < 5 * 8.7


def test_who_has_nothing_to_show_is_not_drawn():
    edges = torch.tensor([[1, 2, 3], [0, 0, 0]])
    usable = torch.tensor([True, False, True, True])
    pairs = draw_candidates(edges, torch.tensor([0]), 9, 0, 4, usable)
    assert sorted(pairs.source.tolist()) == [2, 3]


def test_values_reach_their_edges():
    edges = torch.tensor([[1, 0, 1, 2, 1], [0, 1, 0, 0, 2]])
    pairs = Pairs(torch.tensor([2, 1]), torch.tensor([0, 0]))
    out = pairs.on_edges(edges, torch.tensor([5.0, 7.0]), 3)
    assert out[[0, 2, 3]].tolist() == [7.0, 7.0, 5.0]
    assert bool(out[[1, 4]].isnan().all())
    none = Pairs(torch.empty(0).long(), torch.empty(0).long())
    assert bool(none.on_edges(edges, torch.empty(0), 3).isnan().all())


@pytest.mark.parametrize("limit", [1, None])
def test_no_edges(limit):
    nothing = torch.empty(2, 0, dtype=torch.long)
    pairs = draw_candidates(nothing, torch.tensor([0]), limit, 0, 3)
    assert pairs.by_node() == {}
