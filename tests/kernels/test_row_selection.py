import numpy as np
import pytest
import torch

from graphllm.kernels.row_selection import SHORT_ROW, select


def kept(score, rows, budget):
    """The marks of ``select`` for rows that follow one another."""
    width = 8 * score.element_size()
    bits = score.view(-1, 1).view(torch.int64 if width == 64 else torch.int32).numpy()
    keep = np.zeros((len(score), 1), dtype=bool)
    indptr, order = np.cumsum([0, *rows]), np.arange(len(score))
    counts = np.array(budget).reshape(-1, 1)
    select(bits, width, indptr, order, counts, 0, len(rows), keep)
    return keep[:, 0]


def best(score, count):
    """By a stable sort of the falling scores."""
    expected = np.zeros(len(score), dtype=bool)
    expected[np.argsort(-score.double().numpy(), kind="stable")[:count]] = True
    return expected


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("distinct", [1, 2, 50, 100_000])
@pytest.mark.parametrize("degree", [2, SHORT_ROW, SHORT_ROW + 1, 3000])
def test_rows_on_both_sides_of_the_switch_with_and_without_ties(
    dtype, distinct, degree
):
    score = torch.randint(-distinct, distinct, (2 * degree,)).to(dtype) / 7
    for count in (0, 1, degree // 3, degree - 1, degree, degree + 5):
        found = kept(score, [degree, degree], [count, degree - count])
        assert np.array_equal(found[:degree], best(score[:degree], count))
        rest = max(degree - count, 0)
        assert np.array_equal(found[degree:], best(score[degree:], rest))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("degree", [SHORT_ROW, 10 * SHORT_ROW])
def test_every_magnitude_and_both_zeros(dtype, degree):
    values = [0.0, -0.0, 1e-45, -1e-45, 1e-38, -1e-38, 1.0, -1.0, 3e38, -3e38]
    values += [float("inf"), float("-inf")]
    score = torch.tensor(values, dtype=dtype).repeat(degree // len(values) + 1)
    score = score[torch.randperm(len(score))[:degree]]
    for count in range(0, degree + 1, 5):
        assert np.array_equal(kept(score, [degree], [count]), best(score, count))


@pytest.mark.parametrize("kind", ["equal", "rising", "falling"])
def test_a_hub_takes_no_quadratic_time(kind):
    # Comparing all pairs of a million would take minutes.
    score = torch.arange(1_000_000, dtype=torch.float32)
    score = {"equal": score * 0.0, "rising": score, "falling": -score}[kind]
    found = kept(score, [len(score)], [400_000])
    assert np.array_equal(found, best(score, 400_000))


def test_only_the_rows_of_the_span_are_written():
    keep = np.zeros((6, 1), dtype=bool)
    bits = torch.rand(6, 1).view(torch.int32).numpy()
    counts, order = np.full((3, 1), 2), np.arange(6)
    select(bits, 32, np.array([0, 2, 4, 6]), order, counts, 1, 2, keep)
    assert keep[:, 0].tolist() == [False, False, True, True, False, False]
