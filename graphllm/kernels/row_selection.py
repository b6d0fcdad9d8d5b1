"""Selection from rows of floating scores, in numba."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from graphllm.kernels.undirected import Ints

Bits = NDArray[np.signedinteger[Any]]
Keys = NDArray[np.uint64]

# Up to this many edges, inserting into a sorted list beats counting digits.
SHORT_ROW = 48
DIGIT_BITS = 8


@njit(cache=True, nogil=True)
def select(
    bits: Bits,
    width: int,
    indptr: Ints,
    order: Ints,
    budget: Ints,
    low: int,
    high: int,
    keep: NDArray[np.bool_],
) -> None:
    """Mark the best edges of the rows in [low, high), column by column.

    Args:
        bits (NDArray): :math:`(E, M)`, the bits of floating scores as integers.
        width (int): How many bits a score has, 32 or 64.
        indptr (NDArray): :math:`(N + 1)`, where the edges of each row begin.
        order (NDArray): :math:`(E)` edges, row by row.
        budget (NDArray): :math:`(N, 1)` or :math:`(N, M)`, edges to keep.
        low (int): First row.
        high (int): The one after the last row.
        keep (NDArray): :math:`(E, M)`, filled with ``False``; written to.
    """
    longest = 0
    for node in range(low, high):
        longest = max(longest, indptr[node + 1] - indptr[node])
    keys = np.empty(longest, np.uint64)
    best = np.empty(SHORT_ROW, np.int64)
    counts = np.empty(1 << DIGIT_BITS, np.int64)
    # All bits but the sign: turning them round orders negative numbers.
    flip = (np.int64(1) << (width - 1)) - 1
    lowest = -flip - 1
    for node in range(low, high):
        edges = order[indptr[node] : indptr[node + 1]]
        for column in range(bits.shape[1]):
            wanted = budget[node, column if budget.shape[1] > 1 else 0]
            if wanted >= edges.size:
                for edge in edges:
                    keep[edge, column] = True
                continue
            if wanted <= 0:
                continue
            for at in range(edges.size):
                key = np.int64(bits[edges[at], column])
                if key < 0:
                    key ^= flip
                    # Only the negative zero ends at -1: it ties with the other one.
                    key += key == -1
                keys[at] = np.uint64(key - lowest)
            if edges.size <= SHORT_ROW:
                _insert(keys, edges, wanted, best, column, keep)
            else:
                _count_digits(keys, edges, wanted, width, counts, column, keep)


@njit(cache=True, nogil=True)
def _insert(
    keys: Keys,
    edges: Ints,
    wanted: int,
    best: Ints,
    column: int,
    keep: NDArray[np.bool_],
) -> None:
    """Keep a sorted list of the best so far."""
    held = 0
    for at in range(edges.size):
        key = keys[at]
        if held < wanted:
            slot = held
            held += 1
        elif key > keys[best[wanted - 1]]:
            slot = wanted - 1
        else:
            continue
        while slot > 0 and keys[best[slot - 1]] < key:
            best[slot] = best[slot - 1]
            slot -= 1
        best[slot] = at
    for slot in range(wanted):
        keep[edges[best[slot]], column] = True


@njit(cache=True, nogil=True)
def _count_digits(
    keys: Keys,
    edges: Ints,
    wanted: int,
    width: int,
    counts: Ints,
    column: int,
    keep: NDArray[np.bool_],
) -> None:
    """Find the last key that is kept digit by digit, from the highest one."""
    step, last, missing = np.uint64(DIGIT_BITS), np.uint64(0), wanted
    for shift in range(width - DIGIT_BITS, -1, -DIGIT_BITS):
        counts[:] = 0
        for at in range(edges.size):
            head = keys[at] >> np.uint64(shift)
            if head >> step == last:
                counts[np.int64(head - (last << step))] += 1
        digit = counts.size - 1
        while counts[digit] < missing:
            missing -= counts[digit]
            digit -= 1
        last = (last << step) | np.uint64(digit)
    for at in range(edges.size):
        if keys[at] > last:
            keep[edges[at], column] = True
        elif keys[at] == last and missing > 0:
            keep[edges[at], column] = True
            missing -= 1
