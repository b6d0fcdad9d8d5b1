"""The edges among some nodes."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@njit(cache=True, nogil=True)
def induced_edges(
    colptr: Ints, row: Ints, nodes: Ints, local: NDArray[np.int32]
) -> tuple[Ints, Ints, Ints]:
    """Find all edges whose both ends are among the given nodes.

    Goes through the edges into these nodes, twice: memory is taken for what is found.

    Args:
        colptr (NDArray): :math:`(|V| + 1)`; the edges into node ``i`` are at
            ``colptr[i]:colptr[i + 1]``, called slots.
        row (NDArray): :math:`(|E|)`, their sources.
        nodes (NDArray): Distinct node ids.
        local (NDArray): :math:`(|V|)` ``int32`` filled with ``-1``, as it is again
            afterwards. Not to be shared between threads at the same time.

    Returns:
        tuple[NDArray, NDArray, NDArray]: Sources and targets as positions in
        ``nodes``, and slots; targets in the order of ``nodes``, slots ascending for
        each.
    """
    for place in range(nodes.size):
        local[nodes[place]] = place
    count = 0
    for node in nodes:
        for slot in range(colptr[node], colptr[node + 1]):
            count += local[row[slot]] >= 0
    source = np.empty(count, np.int64)
    target = np.empty(count, np.int64)
    slots = np.empty(count, np.int64)
    used = 0
    for place in range(nodes.size):
        for slot in range(colptr[nodes[place]], colptr[nodes[place] + 1]):
            if local[row[slot]] >= 0:
                source[used] = local[row[slot]]
                target[used] = place
                slots[used] = slot
                used += 1
    for node in nodes:
        local[node] = -1
    return source, target, slots
