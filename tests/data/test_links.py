import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Data
from torch_geometric.utils import erdos_renyi_graph

from graphllm.data import (
    hide_links,
    sample_non_edges,
    split_links,
    undirected_links,
)
from graphllm.errors import TextGraphError
from graphllm.testing import sbm_text_graph

PARTS = ("train", "val", "test")


def graph(num_nodes, pairs):
    edges = torch.tensor(pairs, dtype=torch.long).view(-1, 2).t()
    return Data(edge_index=edges, num_nodes=num_nodes)


def as_set(edge_index):
    """Links as unordered pairs of Python numbers."""
    return {frozenset(pair) for pair in edge_index.t().tolist() if len(set(pair)) == 2}


def sets(part):
    assert part.label.unique().tolist() == [0, 1]
    return as_set(part.positive.t()), as_set(part.negative.t())


def same(first, second):
    tensors = [
        torch.cat([split.train_edges.t(), split.eval_edges.t()])
        if name == "edges"
        else torch.cat(
            [getattr(split, name).pairs.t(), getattr(split, name).label[None]]
        )
        for split in (first, second)
        for name in ("edges", *PARTS)
    ]
    half = len(tensors) // 2
    return all(a.equal(b) for a, b in zip(tensors[:half], tensors[half:], strict=True))


@st.composite
def messy_graphs(draw):
    """Directed edges, some twice, some backwards, some loops, isolated nodes."""
    num_nodes = draw(st.integers(12, 40))
    nodes = st.integers(0, num_nodes - 1)
    ring = [(i, (i + 1) % num_nodes) for i in range(num_nodes)]
    extra = draw(st.lists(st.tuples(nodes, nodes), max_size=60))
    pairs = ring + extra + [(b, a) for a, b in extra[::3]] + extra[::5]
    return graph(num_nodes, draw(st.permutations(pairs)))


@given(
    data=messy_graphs(),
    num_val=st.floats(0.1, 0.3),
    num_test=st.floats(0.1, 0.3),
    disjoint=st.floats(0.2, 0.8),
    neg_ratio=st.sampled_from([0.2, 1.0, 1.5]),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_nothing_that_is_scored_can_be_seen(
    data, num_val, num_test, disjoint, neg_ratio, seed
):
    try:
        split = split_links(
            data,
            num_val=num_val,
            num_test=num_test,
            disjoint_train_ratio=disjoint,
            neg_ratio=neg_ratio,
            seed=seed,
        )
    except TextGraphError as error:
        assert "pairs without an edge" in str(error)  # noqa: PT017
        assert len(as_set(data.edge_index)) * (1 + neg_ratio) > 0.2 * 12 * 11 / 2
        return
    every = as_set(data.edge_index)
    linked, unlinked = zip(*(sets(getattr(split, part)) for part in PARTS), strict=True)
    train, val, test = linked
    read, known = as_set(split.train_edges), as_set(split.eval_edges)
    # Frozen sets know no direction: neither (u, v) nor (v, u) is among the edges.
    assert not read & (train | val | test)
    assert not known & (val | test)
    assert known == read | train
    # Every link is in one place, and only there.
    assert read | train | val | test == every
    assert len(read) + len(train) + len(val) + len(test) == len(every)
    # Negatives are true ones, and none is met twice.
    assert not set().union(*unlinked) & every
    assert len(set().union(*unlinked)) == sum(len(part) for part in unlinked)
    for name, links, others in zip(PARTS, linked, unlinked, strict=True):
        part = getattr(split, name)
        assert len(links) + len(others) == part.label.numel()
        assert len(others) == max(1, round(neg_ratio * len(links)))
        assert bool((part.pairs[:, 0] < part.pairs[:, 1]).all())


@pytest.mark.parametrize("name", ["train_edges", "eval_edges"])
def test_messages_run_both_ways_once(sbm, name):
    edges = getattr(split_links(sbm), name)
    directed = {tuple(pair) for pair in edges.t().tolist()}
    assert {(b, a) for a, b in directed} == directed
    assert len(directed) == edges.size(1)
    assert all(a != b for a, b in directed)


def test_counts():
    # 100 links: 10 validate, 20 test, 0.3 of the other 70 supervise.
    pairs = [(i, j) for i in range(25) for j in range(25, 29)]
    split = split_links(graph(60, pairs), neg_ratio=2.0)
    counts = [torch.bincount(getattr(split, part).label).tolist() for part in PARTS]
    assert counts == [[42, 21], [20, 10], [40, 20]]
    assert split.train_edges.size(1) == 2 * 49
    assert split.eval_edges.size(1) == 2 * 70
    assert split.num_nodes == 60
    assert split.test.pairs.dtype == split.test.label.dtype == torch.long
    # Links first.
    assert split.test.label.tolist() == [1] * 20 + [0] * 40


def test_the_seed_decides_and_nothing_else(sbm):
    first = split_links(sbm, seed=3)
    torch.rand(5)
    random.random()
    assert same(first, split_links(sbm, seed=3))
    assert not same(first, split_links(sbm, seed=4))
    # The same graph, stored otherwise: one direction, another order, loops, doubles.
    one_way = sbm.edge_index[:, sbm.edge_index[0] > sbm.edge_index[1]]
    loops = torch.arange(9).repeat(2, 1)
    other = torch.cat([one_way.flip(1), loops, one_way[:, :7]], dim=1)
    assert same(first, split_links(Data(edge_index=other, num_nodes=60), seed=3))


def test_global_random_states_are_left_alone(sbm):
    def states():
        return (
            torch.get_rng_state().tolist(),
            random.getstate(),
            np.random.get_state()[1].tolist(),
        )

    before = states()
    split_links(sbm)
    sample_non_edges(sbm.edge_index, 60, 50, torch.Generator().manual_seed(0))
    assert states() == before


def test_the_graph_is_left_alone(sbm):
    before = sbm.edge_index.clone()
    keys = set(sbm.keys())
    split_links(sbm)
    assert sbm.edge_index.equal(before)
    assert set(sbm.keys()) == keys


@pytest.mark.parametrize(
    "ratios",
    [
        {"num_val": 0.0},
        {"num_val": 1.0},
        {"num_test": -0.1},
        {"num_test": float("nan")},
        {"disjoint_train_ratio": 0.0},
        {"disjoint_train_ratio": 1.0},
        {"num_val": 0.5, "num_test": 0.5},
    ],
)
def test_shares_out_of_range(sbm, ratios):
    with pytest.raises(TextGraphError, match=f"{next(iter(ratios))}.*must be a share"):
        split_links(sbm, **ratios)


@pytest.mark.parametrize("ratio", [0.0, -1.0, float("inf"), float("nan")])
def test_negatives_are_needed(sbm, ratio):
    with pytest.raises(TextGraphError, match="'neg_ratio' must be above 0"):
        split_links(sbm, neg_ratio=ratio)


@pytest.mark.parametrize("num_links", [0, 1, 9])
def test_too_few_links(num_links):
    data = graph(20, [(i, i + 1) for i in range(num_links)])
    with pytest.raises(TextGraphError, match=f"too few links to predict: {num_links},"):
        split_links(data)


def test_ten_links_are_enough():
    split = split_links(graph(20, [(i, i + 1) for i in range(10)]))
    counts = [int(getattr(split, part).label.sum()) for part in PARTS]
    assert counts == [2, 1, 2]


def test_a_complete_graph_has_no_negatives():
    pairs = torch.combinations(torch.arange(12)).tolist()
    with pytest.raises(TextGraphError, match="12 nodes with 66 links have 0"):
        split_links(graph(12, pairs))


def test_edges_that_are_no_edges():
    with pytest.raises(TextGraphError, match="an edge points to node 7"):
        split_links(graph(5, [(0, 7)]))
    with pytest.raises(TextGraphError, match="no 'edge_index'"):
        split_links(Data(num_nodes=5))


# ------------------------------------------------------------------ non-edges


@pytest.mark.parametrize("p", [0.0, 0.05, 0.6, 0.95])
@pytest.mark.parametrize("share", [0.01, 0.5, 1.0])
def test_non_edges_are_what_they_say(p, share):
    num_nodes = 30
    edges = erdos_renyi_graph(num_nodes, p)
    free = num_nodes * (num_nodes - 1) // 2 - len(as_set(edges))
    count = max(1, round(share * free))
    generator = torch.Generator().manual_seed(1)
    drawn = sample_non_edges(edges, num_nodes, count, generator)
    assert drawn.shape == (count, 2)
    assert bool((drawn[:, 0] < drawn[:, 1]).all())
    assert len(as_set(drawn.t())) == count
    assert not as_set(drawn.t()) & as_set(edges)


@pytest.mark.parametrize(("num_nodes", "num_pairs"), [(8, 2), (8, 12)])
def test_non_edges_are_uniform(num_nodes, num_pairs):
    # Both ways of drawing: by trying (2 of 28 pairs) and from the list of all.
    edges = torch.tensor([[0, 5, 6], [1, 2, 6]])
    generator = torch.Generator().manual_seed(0)
    rounds, free = 4000, 26
    hits = torch.zeros(num_nodes, num_nodes)
    first = torch.zeros(num_nodes, num_nodes)
    for _ in range(rounds):
        drawn = sample_non_edges(edges, num_nodes, num_pairs, generator)
        hits[drawn[:, 0], drawn[:, 1]] += 1
        first[drawn[0, 0], drawn[0, 1]] += 1
    for counts, p in ((hits, num_pairs / free), (first, 1 / free)):
        seen = counts[counts > 0]
        assert seen.numel() == free
        # Five standard deviations of a binomial.
        assert (
            float((seen - rounds * p).abs().max()) < 5 * (rounds * p * (1 - p)) ** 0.5
        )


def test_non_edges_follow_the_generator(sbm):
    def draw(seed):
        generator = torch.Generator().manual_seed(seed)
        return [sample_non_edges(sbm.edge_index, 60, 30, generator) for _ in range(2)]

    first, second = draw(0)
    again, _ = draw(0)
    other, _ = draw(1)
    assert first.equal(again)
    assert not first.equal(second)
    assert not first.equal(other)


@pytest.mark.parametrize("count", [-1, 3])
def test_more_non_edges_than_there_are(count):
    path = torch.tensor([[0], [1]])
    with pytest.raises(TextGraphError, match=f"cannot draw {count} pairs.* have 2"):
        sample_non_edges(path, 3, count, torch.Generator())


def test_no_nodes_no_pairs():
    nothing = torch.empty(2, 0, dtype=torch.long)
    for num_nodes in (0, 1):
        drawn = sample_non_edges(nothing, num_nodes, 0, torch.Generator())
        assert drawn.shape == (0, 2)


def test_the_pairs_of_a_large_graph_are_never_listed():
    # 8e9 pairs of 128 thousand nodes would not fit.
    edges = torch.randint(128_000, (2, 200_000))
    split = split_links(Data(edge_index=edges, num_nodes=128_000))
    assert split.test.label.float().mean() == 0.5
    assert not as_set(split.test.negative.t()) & as_set(edges)


def test_the_planted_graph_leaves_all_classes_linked():
    data = sbm_text_graph(90, 0.3, 0.02, seed=2)
    split = split_links(data, seed=1)
    same_class = data.y[split.test.pairs[:, 0]] == data.y[split.test.pairs[:, 1]]
    linked = split.test.label == 1
    assert same_class[linked].float().mean() > same_class[~linked].float().mean() + 0.3


def test_hidden_links_are_neither_seen_nor_invented():
    edges = sbm_text_graph(40).edge_index
    known = {tuple(sorted(pair)) for pair in edges.t().tolist()}
    hidden = hide_links(edges, 40, 9, torch.Generator().manual_seed(1))
    linked = {tuple(pair) for pair in hidden.linked.tolist()}
    unlinked = {tuple(pair) for pair in hidden.unlinked.tolist()}
    seen = {tuple(pair) for pair in hidden.edges.t().tolist()}
    assert len(linked) == len(unlinked) == 9
    assert linked <= known
    assert not unlinked & known
    assert {tuple(sorted(pair)) for pair in seen} == known - linked
    assert seen == {(target, source) for source, target in seen}
    assert len(undirected_links(edges)) == len(known)


def test_more_hidden_links_than_pairs_without_one_are_refused():
    full = (1 - torch.eye(5)).nonzero().t()
    with pytest.raises(TextGraphError, match="cannot draw 3 pairs"):
        hide_links(full, 5, 3, torch.Generator())
