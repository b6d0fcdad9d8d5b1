from concurrent.futures import ThreadPoolExecutor

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from graphllm.kernels.sample import running_sums, sample_neighbors, stream_key
from graphllm.kernels.sample_twin import sample_neighbors_twin

# Chance that a right sampler fails one of these tests; seeds are fixed all the same.
ALPHA = 1e-4


def star(leaves):
    """One node with edges from all the others."""
    colptr = np.zeros(leaves + 2, dtype=np.int64)
    colptr[1:] = leaves
    return colptr, np.arange(1, leaves + 1)


def random_graph(num_nodes=60, num_edges=400, seed=0):
    rng = np.random.default_rng(seed)
    ends = np.unique(rng.integers(num_nodes, size=(2, num_edges)), axis=1)
    order = np.lexsort((ends[0], ends[1]))
    count = np.bincount(ends[1], minlength=num_nodes)
    colptr = np.zeros(num_nodes + 1, dtype=np.int64)
    np.cumsum(count, out=colptr[1:])
    return colptr, ends[0][order].astype(np.int64)


def draws(graph, count, repeats, **options):
    """Edge positions that the centre of a star draws, one row a key."""
    seeds = np.zeros(1, dtype=np.int64)
    return [
        sample_neighbors(*graph, seeds, [count], key=stream_key(7, i), **options).edge
        for i in range(repeats)
    ]


# (degree, count): Floyd's method, and selection sampling
@pytest.mark.parametrize(("degree", "count"), [(6, 2), (9, 3), (12, 11), (40, 30)])
def test_uniform_subsets(degree, count):
    drawn = np.stack(draws(star(degree), count, 6000))
    assert all(len(set(row)) == count for row in drawn.tolist())
    hits = np.bincount(drawn.ravel(), minlength=degree)
    # Draws without replacement vary less than chi-square supposes: scale it back.
    scale = (degree - 1) / (degree - count)
    statistic = ((hits - hits.mean()) ** 2 / hits.mean()).sum() * scale
    limit = degree - 1 + 5 * np.sqrt(2 * (degree - 1))
    assert statistic < limit


@pytest.mark.parametrize(("degree", "count"), [(5, 2), (6, 4)])
def test_every_subset_is_as_likely(degree, count):
    """Hits a position could be right and pairs wrong; whole subsets cannot."""
    drawn = [tuple(sorted(row)) for row in draws(star(degree), count, 6000)]
    _, hits = np.unique(np.array(drawn), axis=0, return_counts=True)
    assert len(hits) == len({tuple(row) for row in drawn}) in (10, 15)
    assert chisquare(hits).pvalue > ALPHA


def test_both_methods_for_large_counts_are_uniform_over_subsets():
    # 4 of 5 goes through selection sampling, 1 of 5 through Floyd's method
    for count in (1, 4):
        drawn = [tuple(sorted(row)) for row in draws(star(5), count, 4000)]
        _, hits = np.unique(np.array(drawn), axis=0, return_counts=True)
        assert len(hits) == 5
        assert chisquare(hits).pvalue > ALPHA


def test_weighted_draws_follow_the_weights():
    weight = np.array([1.0, 2.0, 3.0, 4.0])
    first = np.concatenate(draws(star(4), 1, 6000, weight=weight))
    expected = 6000 * weight / weight.sum()
    assert chisquare(np.bincount(first, minlength=4), expected).pvalue > ALPHA


def test_weighted_pairs_are_drawn_one_after_the_other():
    weight = np.array([1.0, 2.0, 5.0])
    drawn = draws(star(3), 2, 6000, weight=weight)
    hits = {(0, 1): 0, (0, 2): 0, (1, 2): 0}
    for row in drawn:
        hits[tuple(sorted(row.tolist()))] += 1

    def chance(i, j):
        p = weight / weight.sum()
        return p[i] * p[j] / (1 - p[i]) + p[j] * p[i] / (1 - p[j])

    expected = [6000 * chance(i, j) for i, j in hits]
    assert chisquare(list(hits.values()), expected).pvalue > ALPHA


def test_weight_zero_is_never_drawn_unless_all_are_taken():
    weight = np.array([0.0, 1.0, 0.0, 1.0])
    for row in draws(star(4), 3, 50, weight=weight):
        assert sorted(row.tolist()) == [1, 3]
    everything = draws(star(4), -1, 1, weight=weight)[0]
    assert everything.tolist() == [0, 1, 2, 3]


def test_draws_with_replacement_are_independent():
    drawn = np.stack(draws(star(3), 5, 3000, replace=True))
    assert drawn.shape == (3000, 5)
    assert chisquare(np.bincount(drawn.ravel())).pvalue > ALPHA
    pairs = np.bincount(drawn[:, 0] * 3 + drawn[:, 1], minlength=9)
    assert chisquare(pairs).pvalue > ALPHA


def test_weighted_draws_with_replacement():
    weight = np.array([1.0, 0.0, 3.0, 0.0])
    graph = star(4)
    sums = running_sums(graph[0], weight)
    assert sums.tolist() == [1.0, 1.0, 4.0, 4.0]
    drawn = np.stack(draws(graph, 4, 2000, weight=sums, replace=True))
    hits = np.bincount(drawn.ravel(), minlength=4)
    assert hits[1] == hits[3] == 0
    assert chisquare(hits[[0, 2]], [2000, 6000]).pvalue > ALPHA


@given(
    st.integers(0, 10),
    st.lists(st.sampled_from([-1, 0, 1, 3, 8]), min_size=1, max_size=3),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_the_outcome_is_a_subgraph_in_order(seed, num_neighbors, weighted, replace):
    colptr, row = random_graph(seed=seed)
    rng = np.random.default_rng(seed)
    seeds = rng.integers(60, size=5)
    weight = rng.random(row.size) + 0.1 if weighted else None
    if weighted and replace:
        weight = running_sums(colptr, weight)
    local = np.full(60, -1, dtype=np.int32)
    out = sample_neighbors(
        colptr, row, seeds, num_neighbors, weight, replace, seed, local
    )
    target = np.repeat(np.arange(60), np.diff(colptr))
    assert out.node[:5].tolist() == seeds.tolist()
    # edges lead back to the graph
    assert out.node[out.row].tolist() == row[out.edge].tolist()
    assert out.node[out.col].tolist() == target[out.edge].tolist()
    # no node but a repeated seed stands twice
    rest = out.node[5:].tolist()
    assert len(set(rest)) == len(rest)
    assert not set(rest) & set(seeds.tolist())
    # hop by hop
    assert sum(out.nodes_per_hop) == out.node.size
    assert sum(out.edges_per_hop) == out.edge.size == out.row.size
    begin, end, used = 0, 5, 0
    for hop, count in enumerate(num_neighbors):
        drawn = out.edges_per_hop[hop]
        col = out.col[used : used + drawn]
        got = np.bincount(col, minlength=end)[begin:end]
        degree = np.diff(colptr)[out.node[begin:end]]
        if replace and count >= 0:
            expected = np.where(degree > 0, count, 0)
        else:
            expected = degree if count < 0 else np.minimum(degree, count)
        assert got.tolist() == expected.tolist()
        if not replace:
            pairs = set(zip(col, out.edge[used : used + drawn], strict=True))
            assert len(pairs) == drawn
        used += drawn
        begin, end = end, end + out.nodes_per_hop[hop + 1]
    assert (local == -1).all()


@pytest.mark.parametrize("num_neighbors", [[-1], [-1, -1], [500, 500, 500], [0, 3]])
def test_equals_the_twin_where_nothing_is_random(num_neighbors):
    graph = random_graph()
    ours = sample_neighbors(*graph, np.array([3, 8, 3]), num_neighbors)
    twin = sample_neighbors_twin(*graph, [3, 8, 3], num_neighbors)
    for name in ("node", "row", "col", "edge"):
        assert list(getattr(ours, name)) == list(getattr(twin, name))
    assert ours[4:] == twin[4:]


def test_all_neighbours_reach_what_a_search_reaches():
    colptr, row = random_graph(num_edges=120)
    graph = nx.DiGraph()
    graph.add_nodes_from(range(60))
    target = np.repeat(np.arange(60), np.diff(colptr))
    graph.add_edges_from(zip(row, target, strict=True))
    out = sample_neighbors(colptr, row, np.array([5]), [-1, -1, -1])
    near = nx.single_source_shortest_path_length(graph.reverse(), 5, cutoff=3)
    assert sorted(out.node.tolist()) == sorted(near)
    hops = np.repeat(np.arange(4), out.nodes_per_hop)
    assert dict(zip(out.node.tolist(), hops.tolist(), strict=True)) == near


def test_a_repeated_seed_draws_the_same_twice():
    graph = random_graph()
    out = sample_neighbors(*graph, np.array([7, 7]), [2], key=1)
    assert out.nodes_per_hop[0] == 2
    assert out.edge[out.col == 0].tolist() == out.edge[out.col == 1].tolist()


def test_draws_do_not_depend_on_the_rest_of_the_batch():
    graph = random_graph()
    alone = sample_neighbors(*graph, np.array([7]), [3], key=5)
    among = sample_neighbors(*graph, np.array([1, 7, 4]), [3], key=5)
    assert alone.edge.tolist() == among.edge[among.col == 1].tolist()


def test_keys_and_hops_give_other_draws():
    graph = star(1000)
    seeds = np.zeros(1, dtype=np.int64)
    drawn = {
        tuple(sample_neighbors(*graph, seeds, [5], key=stream_key(s, e)).edge)
        for s in range(3)
        for e in range(3)
    }
    assert len(drawn) == 9
    # Two nodes that cite each other, and 1000 more that both know: hop 2 is hop 1
    # of the other node, but not its draw.
    row = np.concatenate([np.arange(1, 1002), [0], np.arange(2, 1002)])
    colptr = np.zeros(1003, dtype=np.int64)
    colptr[1], colptr[2:] = 1001, 2002
    assert len(row) == 2002
    both = [
        sample_neighbors(colptr, row, np.array(seeds), hops, key=3)
        for seeds, hops in (([1], [5]), ([0], [-1, 5]))
    ]
    at_one = both[0].edge
    at_two = both[1].edge[both[1].node[both[1].col] == 1]
    assert at_two.size == 5
    assert at_one.tolist() != at_two.tolist()


def test_threads_change_nothing():
    graph = random_graph(600, 20_000)
    batches = np.random.default_rng(0).integers(600, size=(40, 16))

    def run(seeds):
        return sample_neighbors(*graph, seeds, [4, 3], key=9).edge.tolist()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(run, batches)) == [run(seeds) for seeds in batches]


def test_nodes_without_edges_and_no_seeds():
    colptr = np.zeros(4, dtype=np.int64)
    row = np.empty(0, dtype=np.int64)
    out = sample_neighbors(colptr, row, np.array([2, 0]), [5, 5])
    assert out.node.tolist() == [2, 0]
    assert out.nodes_per_hop == [2, 0, 0]
    assert out.edges_per_hop == [0, 0]
    none = sample_neighbors(*random_graph(), np.empty(0, dtype=np.int64), [5, 5])
    assert none.node.size == none.edge.size == 0


def test_stream_keys_are_distinct_and_fit_64_bits():
    keys = {stream_key(seed, epoch) for seed in range(-5, 20) for epoch in range(20)}
    assert len(keys) == 500
    assert all(0 <= key < 2**64 for key in keys)
    assert stream_key(1, 2) != stream_key(2, 1)
