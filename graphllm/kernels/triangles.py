"""The triangles of a graph."""

import numpy as np
import torch
from numba import njit
from torch import Tensor

from graphllm.errors import TextGraphError
from graphllm.kernels.common_neighbors import common_neighbors, stands_above
from graphllm.kernels.row_spans import over_rows
from graphllm.kernels.undirected import Ids, Ints, undirected

__all__ = ["common_neighbors", "triangles"]


def triangles(edge_index: Tensor, num_nodes: int, limit: int | None = None) -> Tensor:
    r"""List every triangle of the graph once.

    The triangles that hold node :math:`i` are the edges among its neighbours, which
    turn the star around :math:`i` into its induced ego graph. Directions, self loops
    and repeated edges are ignored. Edges point to the end of higher degree, so that no
    node has more than :math:`\sqrt{2 E}` of them; triangles are counted first, and
    written to memory of the right size afterwards. Listed on the CPU.

    Args:
        edge_index (Tensor): :math:`(2, E)`, with any directions and repetitions.
        num_nodes (int): Number of nodes.
        limit (int, optional): Most triangles to list. (default: :obj:`None`)

    Returns:
        Tensor: :math:`(3, T)` ``int64`` node ids, ascending within a triangle, on the
        device of ``edge_index``. The order of triangles does not depend on threads.

    Raises:
        TextGraphError: If there are more than ``limit``, or an edge names a node that
            does not exist.
    """
    indptr, indices = _upward(*undirected(edge_index, num_nodes))
    counts = np.zeros(num_nodes + 1, np.int64)
    over_rows(
        lambda low, high: _count_triangles(indptr, indices, low, high, counts), indptr
    )
    start = np.cumsum(counts)
    total = int(start[-1])
    if limit is not None and total > limit:
        raise TextGraphError(
            f"the graph has {total} triangles, more than 'limit' ({limit}); list those "
            "of smaller neighbourhoods, or raise the limit"
        )
    corners = np.empty((3, total), np.int64)
    over_rows(
        lambda low, high: _list_triangles(indptr, indices, low, high, start, corners),
        indptr,
    )
    return torch.from_numpy(corners).to(edge_index.device)


@njit(cache=True, nogil=True)
def _upward(indptr: Ints, indices: Ids) -> tuple[Ints, Ids]:
    """Only the neighbours that stand above the node."""
    start = np.zeros_like(indptr)
    kept = np.empty(indices.size // 2, np.int32)
    used = 0
    for node in range(indptr.size - 1):
        for slot in range(indptr[node], indptr[node + 1]):
            if stands_above(indptr, indices[slot], node):
                kept[used] = indices[slot]
                used += 1
        start[node + 1] = used
    return start, kept


@njit(cache=True, nogil=True)
def _count_triangles(
    indptr: Ints, indices: Ids, low: int, high: int, counts: Ints
) -> None:
    mark = np.full(indptr.size - 1, -1, np.int32)
    for node in range(low, high):
        for slot in range(indptr[node], indptr[node + 1]):
            mark[indices[slot]] = node
        for slot in range(indptr[node], indptr[node + 1]):
            other = indices[slot]
            for at in range(indptr[other], indptr[other + 1]):
                counts[node + 1] += mark[indices[at]] == node


@njit(cache=True, nogil=True)
def _list_triangles(
    indptr: Ints,
    indices: Ids,
    low: int,
    high: int,
    start: Ints,
    corners: Ints,
) -> None:
    mark = np.full(indptr.size - 1, -1, np.int32)
    for node in range(low, high):
        used = start[node]
        for slot in range(indptr[node], indptr[node + 1]):
            mark[indices[slot]] = node
        for slot in range(indptr[node], indptr[node + 1]):
            other = indices[slot]
            for at in range(indptr[other], indptr[other + 1]):
                third = indices[at]
                if mark[third] == node:
                    least = min(node, other, third)
                    most = max(node, other, third)
                    corners[0, used] = least
                    corners[1, used] = node + other + third - least - most
                    corners[2, used] = most
                    used += 1
