"""Trees of fixed shape drawn around nodes, in numba."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
from numba import njit
from numpy.typing import NDArray

from graphllm.kernels.sample import Ints, _below, _floyd, _mix

Trees = NDArray[np.int32]

PAD = -1
# Below this many trees, starting threads costs more than they save.
MIN_TREES_PER_THREAD = 4096


def num_positions(fan_outs: Sequence[int]) -> int:
    r"""Positions of a tree: :math:`1 + s_1 + s_1 s_2 + \dots`."""
    total = width = 1
    for count in fan_outs:
        width *= count
        total += width
    return total


def parent_positions(fan_outs: Sequence[int]) -> Ints:
    """Position of the parent of each position, level by level; -1 for the root."""
    parents = [np.array([PAD])]
    first, width = 0, 1
    for count in fan_outs:
        parents.append(np.repeat(np.arange(first, first + width), count))
        first, width = first + width, width * count
    return np.concatenate(parents)


def sample_trees(
    indptr: Ints,
    indices: Ints,
    roots: Ints,
    fan_outs: Sequence[int],
    key: int = 0,
    exclude: Ints | None = None,
    num_threads: int | None = None,
) -> Trees:
    r"""Draw a tree with fan-outs :math:`(s_1, \dots, s_H)` around each root.

    Positions are in level order: the root, its :math:`s_1` children, the :math:`s_2`
    children of each of these, and so on. A position at level :math:`h - 1` that holds
    a node of degree :math:`d` gets as children

    * all neighbours in ascending order, then -1, if :math:`d \le s_h`;
    * :math:`s_h` of them without replacement, every ordered choice as likely as any
      other, at a cost that does not depend on :math:`d`;
    * only -1 if it holds -1 itself.

    A node may stand at many positions, and a parent among its child's children.

    The random numbers are a function of ``(key, root, position)``: the order of the
    roots, the other roots and the threads change nothing.

    Threads, not numba's parallel loops: those must not be entered by two threads at
    once, nor by a process that was forked after their first use, and both is what
    loaders do.

    Args:
        indptr (NDArray): :math:`(|V| + 1)`; the neighbours of node ``i`` are at
            ``indptr[i]:indptr[i + 1]``.
        indices (NDArray): :math:`(|E|)` node ids, ascending for each node. One that
            stands twice counts twice.
        roots (NDArray): :math:`(B)` node ids.
        fan_outs (Sequence[int]): Children a position, one entry a level.
        key (int, optional): Names the stream of random numbers, see
            :func:`~graphllm.kernels.sample.stream_key`. (default: :obj:`0`)
        exclude (NDArray, optional): :math:`(B)`; the edge between a root and this
            node is not walked at any level, in either direction; -1 excludes none.
            (default: :obj:`None`)
        num_threads (int, optional): Most threads to use.
            (default: ``NUMBA_NUM_THREADS``)

    Returns:
        NDArray: :math:`(B, T)` ``int32`` node ids, -1 where a tree has no node.
    """
    roots = np.ascontiguousarray(roots, dtype=np.int64)
    if exclude is None:
        exclude = np.full(roots.size, PAD, dtype=np.int64)
    exclude = np.ascontiguousarray(exclude, dtype=np.int64)
    counts = np.array(fan_outs, dtype=np.int64)
    trees = np.full((roots.size, num_positions(fan_outs)), PAD, dtype=np.int32)
    # Numba hands back a Python int, and would take one for signed.
    start = np.uint64(_mix(np.uint64(key)))
    limit = num_threads or numba.config.NUMBA_NUM_THREADS
    parts = max(1, min(limit, roots.size // MIN_TREES_PER_THREAD))

    def grow(part: slice) -> None:
        _grow(indptr, indices, roots[part], exclude[part], counts, start, trees[part])

    if parts == 1:
        grow(slice(None))
        return trees
    bounds = [roots.size * part // parts for part in range(parts + 1)]
    with ThreadPoolExecutor(parts) as pool:
        list(pool.map(grow, map(slice, bounds[:-1], bounds[1:])))
    return trees


@njit(cache=True, nogil=True)
def _first_not_below(indices: Ints, low: int, high: int, node: int) -> int:
    """First position in ``[low, high)`` whose id is not below ``node``."""
    while low < high:
        middle = (low + high) // 2
        if indices[middle] < node:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def _children(
    indices: Ints,
    begin: int,
    end: int,
    banned: int,
    state: np.uint64,
    picked: Ints,
    out: Trees,
) -> None:
    """Fill ``out`` with neighbours at ``begin:end`` that are not ``banned``."""
    gap, width = end, 0
    if banned >= 0:
        gap = _first_not_below(indices, begin, end, banned)
        width = _first_not_below(indices, gap, end, banned + 1) - gap
    degree, count = end - begin - width, out.size
    drawn = min(degree, count)
    if degree > count:
        _floyd(begin, degree, count, state, picked)
        # Floyd's method gives every set, but not in every order.
        state = _mix(state)
        for last in range(count - 1, 0, -1):
            other, state = _below(state, last + 1)
            picked[last], picked[other] = picked[other], picked[last]
    else:
        for slot in range(drawn):
            picked[slot] = begin + slot
    for slot in range(drawn):
        at = picked[slot]
        out[slot] = indices[at + width if at >= gap else at]


@njit(cache=True, nogil=True)
def _grow(
    indptr: Ints,
    indices: Ints,
    roots: Ints,
    exclude: Ints,
    counts: Ints,
    start: np.uint64,
    trees: Trees,
) -> None:
    picked = np.empty(counts.max(), dtype=np.int64)
    for tree in range(roots.size):
        root, other, out = roots[tree], exclude[tree], trees[tree]
        stream = _mix(start ^ np.uint64(root))
        out[0] = root
        first, width, child = 0, 1, 1
        for count in counts:
            for position in range(first, first + width):
                node = out[position]
                if node >= 0:
                    banned = PAD
                    if node == root:
                        banned = other
                    elif node == other:
                        banned = root
                    _children(
                        indices,
                        indptr[node],
                        indptr[node + 1],
                        banned,
                        _mix(stream ^ np.uint64(position)),
                        picked,
                        out[child : child + count],
                    )
                child += count
            first, width = first + width, width * count
