from threading import get_ident

import numpy as np
import pytest

from graphllm.kernels import row_spans as module
from graphllm.kernels.row_spans import over_rows


@pytest.mark.parametrize("sizes", [[3] * 40, [0, 0, 90, 0, 1, 1], [90], [0, 0], []])
@pytest.mark.parametrize("threads", [1, 2, 7])
def test_every_row_is_worked_on_once(sizes, threads, monkeypatch):
    monkeypatch.setattr(module, "MIN_ENTRIES_PER_SPAN", 4)
    indptr = np.concatenate([[0], np.cumsum(np.array(sizes, dtype=np.int64))])
    visits = np.zeros(len(sizes), dtype=np.int64)

    def work(low, high):
        assert low <= high
        visits[low:high] += 1

    over_rows(work, indptr, threads)
    assert visits.tolist() == [1] * len(sizes)


def test_spans_share_entries_and_little_work_stays_in_this_thread(monkeypatch):
    indptr = np.arange(0, 1001, 10)
    seen = []
    over_rows(lambda low, high: seen.append((low, high, get_ident())), indptr, 2)
    assert seen == [(0, 100, get_ident())]
    monkeypatch.setattr(module, "MIN_ENTRIES_PER_SPAN", 100)
    seen.clear()
    over_rows(lambda low, high: seen.append((high - low, get_ident())), indptr, 2)
    assert len(seen) == 8
    assert sum(size for size, _ in seen) == 100
    assert max(size for size, _ in seen) <= 13
    assert get_ident() not in {thread for _, thread in seen}


def test_an_error_in_a_thread_surfaces(monkeypatch):
    monkeypatch.setattr(module, "MIN_ENTRIES_PER_SPAN", 1)

    def work(low, high):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        over_rows(work, np.arange(9), 2)
