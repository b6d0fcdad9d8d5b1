"""Farthest-point traversal in one pass over the rows for each point."""

import numba
import numpy as np

# Columns between two looks at whether a row can still get nearer.
BLOCK = 64


def farthest_first(x: np.ndarray, first: int, num_picks: int) -> np.ndarray:
    r"""Distance of each row to the rows picked before it, farthest picked next.

    Start from ``first``; then ``num_picks - 1`` times pick the row whose distance to
    its nearest picked row is largest (the smallest index among equals). With
    :math:`\mathcal{P}_i` the rows picked before row :math:`i`, or all picked ones if
    it is never picked,

    .. math::
        s_i = \min_{j \in \mathcal{P}_i} \lVert \mathbf{x}_i - \mathbf{x}_j \rVert_2

    which does not grow from pick to pick: sorting by it gives the picks in order and
    then everyone else. The first row gets twice the largest of the others.

    One running minimum a row, :math:`O(N)` memory besides ``x``; the sum over
    columns stops once a row cannot get nearer, which changes no result.

    Args:
        x (numpy.ndarray): :math:`(N, F)` ``float32``, contiguous.
        first (int): Row to start from.
        num_picks (int): Rows to pick, between 1 and :math:`N`.

    Returns:
        numpy.ndarray: :math:`(N)` ``float64``.
    """
    squared = _traverse(x, first, num_picks)
    squared[first] = 0.0
    score = np.sqrt(squared.astype(np.float64))
    score[first] = 2.0 * score.max()
    return score


# Sums may be re-ordered for speed; infinity keeps its meaning.
@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _squared_distance(
    row: np.ndarray, center: np.ndarray, bound: np.float32
) -> np.float32:
    total = np.float32(0.0)
    whole = row.size // BLOCK * BLOCK
    for begin in range(0, whole, BLOCK):
        part = np.float32(0.0)
        # A fixed number of steps, for vector instructions.
        for column in range(BLOCK):
            gap = row[begin + column] - center[begin + column]
            part += gap * gap
        total += part
        if total >= bound:
            return total
    for column in range(whole, row.size):
        gap = row[column] - center[column]
        total += gap * gap
    return total


@numba.njit(cache=True, nogil=True)
def _traverse(x: np.ndarray, first: int, num_picks: int) -> np.ndarray:
    nearest = np.full(len(x), np.inf, np.float32)
    picked = np.zeros(len(x), np.bool_)
    current = first
    for _ in range(num_picks):
        picked[current] = True
        center = x[current]
        following = -1
        farthest = np.float32(-1.0)
        for row in range(len(x)):
            if picked[row]:
                continue
            distance = _squared_distance(x[row], center, nearest[row])
            nearest[row] = min(nearest[row], distance)
            if nearest[row] > farthest:
                farthest = nearest[row]
                following = row
        current = following
    return nearest
