"""Rows of a compressed matrix, shared out among threads."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numba
import numpy as np
from numpy.typing import NDArray

# Below this many entries, starting threads costs more than they save.
MIN_ENTRIES_PER_SPAN = 1 << 17
# Spans of equal size are not equal work: a few for each thread even it out.
SPANS_PER_THREAD = 4


def over_rows(
    work: Callable[[int, int], object],
    indptr: NDArray[np.int64],
    num_threads: int | None = None,
) -> None:
    """Call ``work(low, high)`` for spans of rows that together cover all, once each.

    Threads, not numba's parallel loops: those must not be entered by two threads at
    once, nor by a process that was forked after their first use, and both is what
    loaders do. ``work`` lets go of the interpreter's lock and writes to its rows only.

    Args:
        work (Callable): Called with the first row and the one after the last.
        indptr (NDArray): :math:`(N + 1)`, where the entries of each row begin. Spans
            hold about equal numbers of entries, not of rows.
        num_threads (int, optional): Most threads to use.
            (default: ``NUMBA_NUM_THREADS``)
    """
    num_rows, entries = indptr.size - 1, int(indptr[-1])
    limit = num_threads or numba.config.NUMBA_NUM_THREADS
    spans = max(1, min(limit * SPANS_PER_THREAD, entries // MIN_ENTRIES_PER_SPAN))
    if spans == 1 or limit == 1:
        work(0, num_rows)
        return
    goals = np.linspace(0, entries, spans + 1)[1:-1]
    cuts = np.unique(np.searchsorted(indptr, goals)).tolist()
    with ThreadPoolExecutor(limit) as pool:
        jobs = [
            pool.submit(work, low, high) for low, high in pairwise([0, *cuts, num_rows])
        ]
        for job in jobs:
            job.result()
