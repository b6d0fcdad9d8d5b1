import math
from fractions import Fraction
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.errors import BudgetError, UnknownNameError
from graphllm.sparsify.budgets import keep_counts, match_total

TENTHS = st.integers(0, 10)
DEGREES = st.lists(st.integers(0, 40), min_size=1, max_size=30)


@settings(max_examples=60, deadline=None)
@given(DEGREES, TENTHS, st.integers(0, 3))
def test_counts_are_exact(degrees, tenths, min_edges):
    counts = keep_counts(torch.tensor(degrees), tenths / 10, min_edges)
    # In fractions, where 0.1 * 30 is three and not a little more.
    exact = [d - math.ceil(Fraction(tenths, 10) * d) for d in degrees]
    expected = [max(e, min(min_edges, d)) for e, d in zip(exact, degrees, strict=True)]
    assert counts.tolist() == expected


def test_a_column_a_share():
    degree = torch.tensor([10, 3, 1, 0])
    counts = keep_counts(degree, (0.1, 0.3, 0.5))
    assert counts.tolist() == [[9, 7, 5], [2, 2, 1], [1, 1, 1], [0, 0, 0]]


def test_a_share_a_node_and_a_share_a_node_and_expert():
    degree = torch.tensor([10, 10])
    share = torch.tensor([[0.1, 0.5], [0.3, 1.0]], dtype=torch.float64)
    assert keep_counts(degree, share[:, 0]).tolist() == [9, 7]
    assert keep_counts(degree, share).tolist() == [[9, 5], [7, 1]]


def test_least_edges():
    degree = torch.tensor([5, 1, 0])
    assert keep_counts(degree, 1.0, min_edges=0).tolist() == [0, 0, 0]
    assert keep_counts(degree, 1.0, min_edges=1).tolist() == [1, 1, 0]
    assert keep_counts(degree, 1.0, min_edges=9).tolist() == [5, 1, 0]


@settings(max_examples=60, deadline=None)
@given(DEGREES, st.data(), st.integers(0, 2), st.sampled_from(["cap", "share"]))
def test_totals_are_met(degrees, data, min_edges, allocation):
    degree = torch.tensor(degrees)
    levels = data.draw(st.lists(TENTHS, min_size=len(degrees), max_size=len(degrees)))
    total = data.draw(st.integers(0, sum(degrees)))
    share = torch.tensor(levels, dtype=torch.float64) / 10
    counts = match_total(degree, share, total, min_edges, allocation=allocation)
    least = degree.clamp(max=min_edges)
    assert bool((counts >= least).all())
    assert bool((counts <= degree).all())
    assert int(counts.sum()) == max(total, int(least.sum()))


def test_counts_follow_the_sparsities():
    degree = torch.full((3,), 100)
    share = torch.tensor([0.1, 0.2, 0.4], dtype=torch.float64)
    # Removed 10 + 20 + 40 as they are; 35 in all is half of each, 84 is 1.2 times.
    match = partial(match_total, degree, share, allocation="share")
    assert match(300 - 70).tolist() == [90, 80, 60]
    assert match(300 - 35).tolist() == [95, 90, 80]
    assert match(300 - 84).tolist() == [88, 76, 52]
    assert match(1).tolist() == [1, 1, 1]
    assert match(1000).tolist() == [100, 100, 100]


def test_nodes_that_remove_nothing_give_way_last():
    degree = torch.tensor([10, 10])
    share = torch.tensor([0.0, 0.5], dtype=torch.float64)
    match = partial(match_total, degree, share, allocation="share")
    assert match(12).tolist() == [10, 2]
    assert match(4).tolist() == [3, 1]


def test_the_largest_remainder_goes_first_and_then_the_priority():
    degree = torch.tensor([4, 3, 3, 3])
    share = torch.full((4,), 0.5, dtype=torch.float64)
    match = partial(match_total, degree, share, allocation="share")
    # Wanted: 2 of 4, and 1.5 of 3 each; two of the three halves are rounded up.
    assert match(6).tolist() == [2, 2, 1, 1]
    assert match(7).tolist() in ([2, 2, 2, 1], [3, 2, 1, 1])
    priority = torch.tensor([0.0, 1.0, 2.0, 3.0])
    assert match(6, priority=priority).tolist() == [2, 1, 1, 2]


def test_caps_spare_nodes_with_few_edges():
    degree = torch.tensor([1, 2, 3, 10, 40])
    even = torch.full((5,), 0.5, dtype=torch.float64)
    # At most seven edges each; then at most two, and at most one.
    assert match_total(degree, even, 20).tolist() == [1, 2, 3, 7, 7]
    assert match_total(degree, even, 9).tolist() == [1, 2, 2, 2, 2]
    assert match_total(degree, even, 5).tolist() == [1, 1, 1, 1, 1]
    assert match_total(degree, even, 56).tolist() == degree.tolist()
    # A node that would remove a fifth may keep four times what the other may.
    share = torch.tensor([0.2, 0.8], dtype=torch.float64)
    assert match_total(torch.tensor([50, 50]), share, 40).tolist() == [32, 8]


def test_allocations_go_by_name():
    with pytest.raises(UnknownNameError, match="allocation 'even'"):
        match_total(torch.tensor([3]), torch.tensor([0.5]), 1, allocation="even")


def test_a_large_graph_is_met_to_the_edge():
    generator = torch.Generator().manual_seed(0)
    degree = torch.randint(0, 400, (300_000,), generator=generator)
    share = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    share = share[torch.randint(0, 4, (300_000,), generator=generator)]
    goal = round(0.7 * int(degree.sum()))
    assert int(match_total(degree, share, goal).sum()) == goal


def test_no_nodes():
    none = torch.zeros(0, dtype=torch.long)
    assert match_total(none, none.double(), 0).tolist() == []


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan"), (0.3, 2.0)])
def test_shares_outside_are_refused(share):
    with pytest.raises(BudgetError, match=r"share of edges that is removed, in \[0"):
        keep_counts(torch.tensor([3]), share)


def test_negative_least_edges_are_refused():
    degree = torch.tensor([3])
    with pytest.raises(BudgetError, match="'min_edges' must be 0 or more"):
        keep_counts(degree, 0.5, -1)
    with pytest.raises(BudgetError, match="'min_edges' must be 0 or more"):
        match_total(degree, torch.tensor([0.5]), 1, -1)
