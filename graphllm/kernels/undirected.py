"""A graph without directions, self loops and repeated edges, in 32-bit ids."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from graphllm.errors import TextGraphError
from graphllm.kernels.edge_ends import both_ends
from graphllm.kernels.row_spans import over_rows

Ints = NDArray[np.int64]
Ids = NDArray[np.int32]
Nodes = Ints | Ids
LOW_32 = np.int64(0xFFFFFFFF)


class Undirected(NamedTuple):
    """Who is next to whom.

    Args:
        indptr (NDArray): :math:`(N + 1)` ``int64``; the neighbours of node ``i`` are
            ``indices[indptr[i]:indptr[i + 1]]``.
        indices (NDArray): ``int32``, both ends of each edge list the other one,
            ascending for each node. A place in this array is called a slot.
    """

    indptr: Ints
    indices: Ids

    @property
    def num_nodes(self) -> int:
        """Number of nodes."""
        return self.indptr.size - 1

    def degree(self) -> Ints:
        """Neighbours of each node, :math:`(N)`."""
        return np.diff(self.indptr)


def undirected(edge_index: Tensor, num_nodes: int) -> Undirected:
    """Forget directions, self loops and repetitions.

    Each edge becomes one number, the smaller id above the larger, and those are
    sorted once. Needs 16 bytes an edge besides ``edge_index``, and holds 8 afterwards.

    Args:
        edge_index (Tensor): :math:`(2, E)`; any device.
        num_nodes (int): Number of nodes.

    Returns:
        Undirected: On the CPU.

    Raises:
        TextGraphError: If an edge names a node that does not exist, or ids need more
            than 31 bits.
    """
    if num_nodes >= 2**31:
        raise TextGraphError(
            f"the graph has {num_nodes} nodes; edges are scored with 32-bit ids, of "
            f"fewer than {2**31} nodes"
        )
    source, target = both_ends(edge_index, num_nodes)
    keys = _pair_keys(source, target)
    keys.sort()
    keys = keys[: _without_repeats(keys)]
    return Undirected(*_both_directions(keys, num_nodes))


def slots_of(graph: Undirected, source: Nodes, target: Nodes) -> Ints:
    """Where each edge stands among the neighbours of its source.

    Args:
        graph (Undirected): The graph of the edges.
        source (NDArray): :math:`(E)` node ids.
        target (NDArray): :math:`(E)` node ids.

    Returns:
        NDArray: :math:`(E)` slots, -1 for a self loop.
    """
    slots = np.empty(source.size, np.int64)
    steps = np.arange(source.size + 1)
    over_rows(
        lambda low, high: _find(
            graph.indptr,
            graph.indices,
            source[low:high],
            target[low:high],
            slots[low:high],
        ),
        steps,
    )
    return slots


@njit(cache=True, nogil=True)
def slot_of(indptr: Ints, indices: Ids, node: int, other: int) -> int:
    """Slot of ``other`` among the neighbours of ``node``; -1 if it is none.

    Args:
        indptr (NDArray): As in :class:`Undirected`, like the next one.
        indices (NDArray): Neighbours.
        node (int): Whose neighbours.
        other (int): Which of them.

    Returns:
        int: The slot.
    """
    low, high = indptr[node], indptr[node + 1]
    end = high
    while low < high:
        middle = (low + high) // 2
        if indices[middle] < other:
            low = middle + 1
        else:
            high = middle
    return low if low < end and indices[low] == other else -1


@njit(cache=True, nogil=True)
def _find(
    indptr: Ints, indices: Ids, source: Nodes, target: Nodes, slots: Ints
) -> None:
    for edge in range(source.size):
        slots[edge] = slot_of(indptr, indices, source[edge], target[edge])


@njit(cache=True, nogil=True)
def _pair_keys(source: Ints, target: Ints) -> Ints:
    keys = np.empty(source.size, np.int64)
    used = 0
    for edge in range(source.size):
        if source[edge] != target[edge]:
            low = min(source[edge], target[edge])
            keys[used] = (low << 32) | max(source[edge], target[edge])
            used += 1
    return keys[:used]


@njit(cache=True, nogil=True)
def _without_repeats(keys: Ints) -> int:
    """Move the distinct keys to the front; how many there are."""
    used = 0
    for at in range(keys.size):
        if at == 0 or keys[at] != keys[at - 1]:
            # Never ahead of ``at``: what is compared next is still in place.
            keys[used] = keys[at]
            used += 1
    return used


@njit(cache=True, nogil=True)
def _both_directions(keys: Ints, num_nodes: int) -> tuple[Ints, Ids]:
    indptr = np.zeros(num_nodes + 1, np.int64)
    for key in keys:
        indptr[(key >> 32) + 1] += 1
        indptr[(key & LOW_32) + 1] += 1
    for node in range(num_nodes):
        indptr[node + 1] += indptr[node]
    cursor = indptr[:-1].copy()
    indices = np.empty(2 * keys.size, np.int32)
    # Keys ascend: a row first gets its smaller neighbours, then its larger ones.
    for key in keys:
        indices[cursor[key & LOW_32]] = key >> 32
        cursor[key & LOW_32] += 1
    for key in keys:
        indices[cursor[key >> 32]] = key & LOW_32
        cursor[key >> 32] += 1
    return indptr, indices
