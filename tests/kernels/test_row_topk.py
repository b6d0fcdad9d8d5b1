import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.errors import TextGraphError
from graphllm.kernels import row_spans
from graphllm.kernels.row_topk import group_rows, row_topk, row_topk_twin

BOTH = pytest.mark.parametrize("select", [row_topk, row_topk_twin])
VALUES = [-2.0, -0.5, -0.0, 0.0, 1e-38, 0.25, 3.0, float("inf"), float("-inf")]


def by_python(score, row, budget):
    """Sort each row by falling score, equal ones as they are stored."""
    keep = torch.zeros(len(row), dtype=torch.bool)
    for node, count in enumerate(budget.tolist()):
        mine = [edge for edge, owner in enumerate(row.tolist()) if owner == node]
        mine.sort(key=lambda edge: -float(score[edge]))
        keep[mine[: max(count, 0)]] = True
    return keep


@BOTH
def test_by_hand(select):
    score = torch.tensor([0.1, 0.9, 0.5, 0.9, -1.0, 0.9])
    row = torch.tensor([1, 1, 0, 1, 3, 1])
    kept = select(score, row, torch.tensor([2, 2, 5, 0]))
    assert kept.tolist() == [False, True, True, True, False, False]


@settings(max_examples=60, deadline=None)
@given(data=st.data(), num_nodes=st.integers(1, 5))
def test_both_ways_are_the_sorted_list(data, num_nodes):
    size = data.draw(st.integers(0, 40))
    row = data.draw(
        st.lists(st.integers(0, num_nodes - 1), min_size=size, max_size=size)
    )
    score = data.draw(st.lists(st.sampled_from(VALUES), min_size=size, max_size=size))
    budget = data.draw(
        st.lists(st.integers(-1, 12), min_size=num_nodes, max_size=num_nodes)
    )
    row, budget = torch.tensor(row, dtype=torch.long), torch.tensor(budget)
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        typed = torch.tensor(score, dtype=dtype)
        expected = by_python(typed, row, budget)
        assert torch.equal(row_topk(typed, row, budget), expected)
        assert torch.equal(row_topk_twin(typed, row, budget), expected)


@BOTH
def test_doubles_that_floats_cannot_tell_apart(select):
    score = 1.0 + torch.arange(200).double() * 1e-15
    assert score.float().unique().numel() == 1
    kept = select(score, torch.zeros(200, dtype=torch.long), torch.tensor([3]))
    assert kept.nonzero().flatten().tolist() == [197, 198, 199]


@BOTH
def test_columns_are_selections_of_their_own(select):
    score, row = torch.randn(500, 3), torch.randint(20, (500,))
    budgets = torch.randint(0, 40, (20, 3))
    kept = select(score, row, budgets)
    shared = select(score, row, budgets[:, 0])
    for column in range(3):
        expected = by_python(score[:, column], row, budgets[:, column])
        assert torch.equal(kept[:, column], expected)
        expected = by_python(score[:, column], row, budgets[:, 0])
        assert torch.equal(shared[:, column], expected)


@BOTH
def test_a_prepared_grouping_and_odd_strides_change_nothing(select):
    score, row = torch.randn(500, 4)[:, ::2], torch.randint(20, (500, 2))[:, 1]
    budget = torch.randint(0, 40, (20,))
    kept = select(score, group_rows(row, 20), budget)
    assert torch.equal(kept, select(score.clone(), row.clone(), budget))
    assert torch.equal(kept[:, 1], by_python(score[:, 1], row, budget))


def test_threads_change_nothing(monkeypatch):
    score, row = torch.randn(5000, 2), torch.randint(300, (5000,))
    row[::3] = 7
    budget = torch.randint(0, 20, (300,))
    alone = row_topk(score, row, budget)
    monkeypatch.setattr(row_spans, "MIN_ENTRIES_PER_SPAN", 50)
    monkeypatch.setattr(row_spans.numba.config, "NUMBA_NUM_THREADS", 4)
    assert torch.equal(row_topk(score, row, budget), alone)
    assert torch.equal(row_topk_twin(score, row, budget), alone)


@BOTH
def test_no_edges_and_no_nodes(select):
    nothing = torch.empty(0, dtype=torch.long)
    assert select(torch.empty(0), nothing, torch.tensor([1, 2])).shape == (0,)
    assert select(torch.empty(0, 2), nothing, nothing).shape == (0, 2)


@BOTH
def test_a_score_with_a_gradient(select):
    score = torch.randn(9, requires_grad=True)
    kept = select(score, torch.zeros(9, dtype=torch.long), torch.tensor([4]))
    assert int(kept.sum()) == 4
    assert not kept.requires_grad


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 5), max_size=30))
def test_groups_hold_the_edges_of_each_node_in_order(owners):
    row = torch.tensor(owners, dtype=torch.long)
    group = group_rows(row, 6)
    for node in range(6):
        mine = group.order[group.indptr[node] : group.indptr[node + 1]].tolist()
        assert mine == [edge for edge, owner in enumerate(owners) if owner == node]
    assert group.degree().tolist() == [owners.count(node) for node in range(6)]


@pytest.mark.parametrize("bad", [-1, 4])
def test_an_edge_of_nobody(bad):
    with pytest.raises(TextGraphError, match=rf"ids in \[0, 3\] \(got {bad}\)"):
        group_rows(torch.tensor([0, bad]), 4)


@BOTH
def test_wrong_shapes_say_which_are_right(select):
    row, budget = torch.tensor([0, 1, 1]), torch.tensor([1, 1])
    with pytest.raises(TextGraphError, match=r"shape \(3,\) or \(3, M\).*\(2,\)"):
        select(torch.rand(2), row, budget)
    with pytest.raises(TextGraphError, match=r"floating.*int64"):
        select(torch.tensor([1, 2, 3]), row, budget)
    with pytest.raises(TextGraphError, match=r"'budget' must have shape.*\(2, 3\)"):
        select(torch.rand(3, 2), row, torch.ones(2, 3, dtype=torch.long))
    with pytest.raises(TextGraphError, match=r"'budget' must have shape \(2,\)"):
        select(torch.rand(3), group_rows(row, 2), torch.tensor([1, 1, 1]))


@BOTH
def test_scores_that_are_no_numbers(select):
    score = torch.tensor([1.0, float("nan"), 2.0])
    with pytest.raises(TextGraphError, match="holds 1 values that are not numbers"):
        select(score, torch.tensor([0, 0, 0]), torch.tensor([1]))
