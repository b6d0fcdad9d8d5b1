import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.kernels import row_spans
from graphllm.kernels.row_rank import row_rank


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(-3, 3), max_size=9), min_size=1, max_size=9))
def test_ranks_count_the_larger_ones(rows):
    indptr = np.cumsum([0, *map(len, rows)])
    expected = [1 + sum(b > a for b in row) for row in rows for a in row]
    for dtype in (np.int32, np.float32):
        values = np.array([a for row in rows for a in row], dtype=dtype)
        assert row_rank(indptr, values).tolist() == expected


@pytest.mark.parametrize("kind", ["equal", "rising", "two"])
def test_a_hub_takes_no_quadratic_time(kind):
    # Comparing all pairs of half a million would take minutes.
    size = 500_000
    value = {
        "equal": np.zeros(size, np.float32),
        "rising": np.arange(size, dtype=np.float32),
        "two": (np.arange(size) % 2).astype(np.float32),
    }[kind]
    rank = row_rank(np.array([0, size]), value)
    first = {"equal": 1, "rising": size, "two": 1 + size // 2}[kind]
    last = {"equal": 1, "rising": 1, "two": 1}[kind]
    assert (rank[0], rank[-1]) == (first, last)


def test_threads_change_nothing(monkeypatch):
    value = np.random.default_rng(0).random(1000)
    indptr = np.array([0, 10, 10, 400, 1000])
    alone = row_rank(indptr, value)
    monkeypatch.setattr(row_spans, "MIN_ENTRIES_PER_SPAN", 10)
    monkeypatch.setattr(row_spans.numba.config, "NUMBA_NUM_THREADS", 3)
    assert np.array_equal(row_rank(indptr, value), alone)
