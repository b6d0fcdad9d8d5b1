"""The rank of each entry in its row."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from graphllm.kernels.row_spans import over_rows
from graphllm.kernels.undirected import Ids, Ints

Numbers = NDArray[np.number[Any]]


def row_rank(indptr: Ints, value: Numbers) -> Ids:
    r"""Count, for each entry, the larger ones of its row, and add one.

    Equal entries share the best of their ranks: ranks depend on the values only, not
    on the order of the entries. Each row is sorted once and searched for its entries,
    in time :math:`d \log d`.

    Args:
        indptr (NDArray): :math:`(N + 1)`, where each row begins.
        value (NDArray): A number an entry, none of them not a number.

    Returns:
        NDArray: ``int32``, 1 for the largest entries of a row.
    """
    rank = np.empty(value.size, np.int32)
    # Exact for 32-bit numbers of any kind, and one kind of number to compile for.
    exact = value.astype(np.float64, copy=False)
    over_rows(lambda low, high: _rank(indptr, exact, low, high, rank), indptr)
    return rank


@njit(cache=True, nogil=True)
def _rank(
    indptr: Ints, value: NDArray[np.float64], low: int, high: int, rank: Ids
) -> None:
    for row in range(low, high):
        begin, end = indptr[row], indptr[row + 1]
        ascending = np.sort(value[begin:end])
        for at in range(begin, end):
            rank[at] = end - begin + 1
            rank[at] -= np.searchsorted(ascending, value[at], side="right")
