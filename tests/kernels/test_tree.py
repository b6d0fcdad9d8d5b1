import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from graphllm.kernels.sample import stream_key
from graphllm.kernels.tree import (
    MIN_TREES_PER_THREAD,
    num_positions,
    parent_positions,
    sample_trees,
)

# Chance that a right sampler fails one of these tests; seeds are fixed all the same.
ALPHA = 1e-4


def rows(edges, num_nodes):
    """Undirected edges as compressed rows; a self-loop stands once."""
    both = sorted({*edges, *((b, a) for a, b in edges)})
    source = np.array([a for a, _ in both], dtype=np.int64)
    indptr = np.searchsorted(source, np.arange(num_nodes + 1))
    return indptr, np.array([b for _, b in both], dtype=np.int64)


def star(leaves):
    """Node 0 knows all the others, who know nobody else."""
    return rows([(0, leaf) for leaf in range(1, leaves + 1)], leaves + 1)


def random_rows(seed=0, num_nodes=60, num_edges=300, loops=False):
    rng = np.random.default_rng(seed)
    ends = rng.integers(num_nodes, size=(num_edges, 2)).tolist()
    return rows([(a, b) for a, b in ends if loops or a != b], num_nodes)


def first_levels(degree, count, repeats):
    """Children of the centre of a star, one row a key."""
    graph, root = star(degree), np.zeros(1, dtype=np.int64)
    drawn = [
        sample_trees(*graph, root, [count], stream_key(5, i)) for i in range(repeats)
    ]
    return np.concatenate(drawn)[:, 1:]


def test_positions():
    assert num_positions([10, 10]) == 111
    assert num_positions([2, 1, 3]) == 1 + 2 + 2 + 6
    assert parent_positions([2, 3]).tolist() == [-1, 0, 0, 1, 1, 1, 2, 2, 2]
    assert parent_positions([1, 2, 1]).tolist() == [-1, 0, 1, 1, 2, 3]


def test_by_hand_where_nothing_is_random():
    # 0 knows 1 and 2; 1 knows 0 and 2; 2 knows 0, 1, 3; 4 knows nobody
    graph = rows([(0, 1), (0, 2), (1, 2), (2, 3)], 5)
    trees = sample_trees(*graph, np.array([0, 4, 3]), [3, 3])
    assert trees.dtype == np.int32
    pad = [-1] * 3
    assert trees.tolist() == [
        [0, 1, 2, -1, 0, 2, -1, 0, 1, 3, *pad],
        [4, *pad, *pad, *pad, *pad],
        [3, 2, -1, -1, 0, 1, 3, *pad, *pad],
    ]


@pytest.mark.parametrize(("degree", "count"), [(13, 10), (5, 2), (40, 3)])
def test_every_neighbour_is_as_likely(degree, count):
    repeats = 4000
    drawn = first_levels(degree, count, repeats)
    assert all(len(set(row)) == count for row in drawn.tolist())
    share = np.bincount(drawn.ravel(), minlength=degree + 1)[1:] / repeats
    chance = count / degree
    error = math.sqrt(chance * (1 - chance) / repeats)
    assert np.abs(share - chance).max() < 4.5 * error
    if degree == 13:
        assert chance == pytest.approx(0.7692, abs=1e-4)


def test_every_ordered_choice_is_as_likely():
    drawn = first_levels(5, 3, 6000)
    _, hits = np.unique(drawn, axis=0, return_counts=True)
    assert len(hits) == 5 * 4 * 3
    assert chisquare(hits).pvalue > ALPHA


@pytest.mark.parametrize("slot", [0, 4, 9])
def test_slots_are_uniform(slot):
    drawn = first_levels(13, 10, 5000)[:, slot]
    hits = np.bincount(drawn, minlength=14)[1:]
    assert chisquare(hits).pvalue > ALPHA


def test_positions_and_roots_draw_independently():
    # Two hubs that know the same thousand nodes, both below one root.
    edges = [(hub, leaf) for hub in (0, 1) for leaf in range(3, 1003)]
    graph = rows([(2, 0), (2, 1), *edges], 1003)
    tree = sample_trees(*graph, np.array([2]), [2, 5], key=1)[0]
    assert tree[1:3].tolist() == [0, 1]
    assert set(tree[3:8]) != set(tree[8:13])
    alone = sample_trees(*graph, np.array([0, 1]), [5], key=1)
    assert len({tuple(sorted(row[1:])) for row in alone.tolist()}) == 2
    drawn = {
        tuple(sample_trees(*graph, np.array([0]), [5], stream_key(s, e))[0].tolist())
        for s in range(3)
        for e in range(3)
    }
    assert len(drawn) == 9


@given(
    st.integers(0, 20),
    st.lists(st.integers(1, 6), min_size=1, max_size=3),
    st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_trees_are_trees_of_the_graph(seed, fan_outs, loops):
    indptr, indices = random_rows(seed, loops=loops)
    roots = np.random.default_rng(seed).integers(60, size=6)
    trees = sample_trees(indptr, indices, roots, fan_outs, seed)
    assert trees[:, 0].tolist() == roots.tolist()
    for tree in trees.tolist():
        child, width = 1, 1
        first = 0
        for count in fan_outs:
            for node in tree[first : first + width]:
                below = tree[child : child + count]
                known = indices[indptr[node] : indptr[node + 1]] if node >= 0 else []
                real = [other for other in below if other >= 0]
                # PAD below PAD, PAD on the right, nobody twice
                assert len(real) == len(set(real)) == min(len(known), count)
                assert below == real + [-1] * (count - len(real))
                assert set(real) <= set(known)
                if len(known) <= count:
                    assert real == list(known)
                child += count
            first, width = first + width, width * count


def steps_along(trees, fan_outs, root, other):
    """Positions whose step from their parent is the edge between the two."""
    parents = parent_positions(fan_outs)[1:]
    above, below = trees[:, parents], trees[:, 1:]
    down = (above == root[:, None]) & (below == other[:, None])
    return down | ((above == other[:, None]) & (below == root[:, None]))


@pytest.mark.parametrize("fan_outs", [[4], [4, 4], [3, 3, 3], [2, 2, 2, 2], [30, 30]])
@pytest.mark.parametrize("loops", [False, True])
def test_an_excluded_edge_is_walked_at_no_level(fan_outs, loops):
    indptr, indices = random_rows(3, num_nodes=12, num_edges=60, loops=loops)
    root = np.repeat(np.arange(12), np.diff(indptr))
    other = indices
    if loops:
        assert (root == other).any()
    free = sample_trees(indptr, indices, root, fan_outs, 1)
    barred = sample_trees(indptr, indices, root, fan_outs, 1, other)
    # all would have been walked somewhere, so the test can fail
    assert steps_along(free, fan_outs, root, other).any()
    if len(fan_outs) > 2:
        late = steps_along(free, fan_outs, root, other)[:, sum(fan_outs[:1]) :]
        assert late.any()
    assert not steps_along(barred, fan_outs, root, other).any()


def test_a_self_loop_and_three_levels_do_not_bring_the_edge_back():
    # 0 has a loop and knows 1 and 2; all choices are forced.
    graph = rows([(0, 0), (0, 1), (0, 2)], 3)
    tree = sample_trees(*graph, np.array([0]), [2, 2, 2], 0, np.array([1]))[0]
    assert tree[1:3].tolist() == [0, 2]
    assert tree[3:7].tolist() == [0, 2, 0, -1]
    assert 1 not in tree
    # the other end at level one by another way may not look back
    graph = rows([(0, 1), (0, 2), (1, 2)], 3)
    tree = sample_trees(*graph, np.array([0]), [2, 2, 2], 0, np.array([1]))[0]
    # 0 -> 2 -> {0, 1}; 0 -> 2, and 1 -> 2 but not 1 -> 0
    assert tree.tolist()[:7] == [0, 2, -1, 0, 1, -1, -1]
    assert tree.tolist()[7:11] == [2, -1, 2, -1]


def test_exclusion_leaves_the_rest_uniform_and_other_trees_alone():
    graph, zero = star(7), np.zeros(1, dtype=np.int64)
    drawn = np.concatenate(
        [
            sample_trees(*graph, zero, [3], stream_key(2, i), np.array([4]))
            for i in range(4000)
        ]
    )[:, 1:]
    hits = np.bincount(drawn.ravel(), minlength=8)
    assert hits[4] == hits[0] == 0
    assert np.abs(hits[[1, 2, 3, 5, 6, 7]] / 4000 - 0.5).max() < 0.036
    graph = random_rows()
    roots = np.arange(60)
    plain = sample_trees(*graph, roots, [3, 3], 4)
    none = sample_trees(*graph, roots, [3, 3], 4, np.full(60, -1))
    assert (plain == none).all()


def test_a_neighbour_that_stands_twice_is_excluded_twice():
    indptr = np.array([0, 4, 5, 6])
    indices = np.array([1, 1, 2, 2, 0, 0])
    tree = sample_trees(indptr, indices, np.array([0]), [4], 0, np.array([1]))[0]
    assert tree.tolist() == [0, 2, 2, -1, -1]


def test_the_batch_its_order_and_its_threads_change_nothing():
    graph = random_rows(1, num_edges=900)
    count = 2 * MIN_TREES_PER_THREAD + 17
    roots = np.random.default_rng(0).integers(60, size=count)
    other = np.random.default_rng(1).integers(-1, 60, size=count)
    whole = sample_trees(*graph, roots, [3, 2], 9, other, num_threads=1)
    assert (sample_trees(*graph, roots, [3, 2], 9, other, num_threads=2) == whole).all()
    order = np.random.default_rng(2).permutation(count)
    mixed = sample_trees(*graph, roots[order], [3, 2], 9, other[order])
    assert (mixed == whole[order]).all()
    for at in (0, 5, count - 1):
        part = slice(at, at + 1)
        alone = sample_trees(*graph, roots[part], [3, 2], 9, other[part])
        assert (alone[0] == whole[at]).all()


def test_callers_may_be_threads_themselves():
    graph = random_rows(1, num_edges=900)
    roots = np.arange(60)

    def run(key):
        return sample_trees(*graph, roots, [4, 4], key).tolist()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(run, range(20))) == [run(key) for key in range(20)]


def test_a_shorter_tree_is_the_top_of_a_longer_one():
    graph = random_rows(2, num_edges=900)
    roots = np.arange(60)
    long = sample_trees(*graph, roots, [4, 3, 2], 3)
    assert (sample_trees(*graph, roots, [4, 3], 3) == long[:, :17]).all()


def test_no_edges_and_no_roots():
    empty = np.zeros(4, dtype=np.int64), np.empty(0, dtype=np.int64)
    trees = sample_trees(*empty, np.array([2]), [2, 2])
    assert trees.tolist() == [[2, -1, -1, -1, -1, -1, -1]]
    none = sample_trees(*random_rows(), np.empty(0, dtype=np.int64), [2, 2])
    assert none.shape == (0, 7)
