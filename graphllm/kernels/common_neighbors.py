"""Common neighbours of both ends of an edge."""

import numpy as np
import torch
from numba import njit
from torch import Tensor

from graphllm.kernels.edge_ends import both_ends
from graphllm.kernels.row_spans import over_rows
from graphllm.kernels.undirected import (
    Ids,
    Ints,
    Nodes,
    Undirected,
    slot_of,
    undirected,
)


def common_neighbors(edge_index: Tensor, num_nodes: int) -> Tensor:
    r"""Count the nodes that are next to both ends of each edge.

    .. math::
        c_{uv} = | \mathcal{N}_u \cap \mathcal{N}_v |

    in the graph without directions, self loops and repeated edges. For each edge the
    neighbours of the end of lower degree are looked up among those of the other end,
    :math:`\sum_{uv} \min(d_u, d_v)` look-ups in all; that sum is small where
    :math:`\sum_u d_u^2` is not. Counted on the CPU.

    Args:
        edge_index (Tensor): :math:`(2, E)`, with any directions and repetitions.
        num_nodes (int): Number of nodes.

    Returns:
        Tensor: :math:`(E)` ``int64``, on the device of ``edge_index``. A self loop of
        ``u`` gets :math:`d_u`.

    Raises:
        TextGraphError: If an edge names a node that does not exist.
    """
    graph = undirected(edge_index, num_nodes)
    common = count_common(graph, *both_ends(edge_index, num_nodes))
    return torch.from_numpy(common).to(edge_index.device, torch.long)


def count_common(graph: Undirected, source: Nodes, target: Nodes) -> Ids:
    """Common neighbours of the ends of edges that are in the graph.

    Args:
        graph (Undirected): The graph.
        source (NDArray): :math:`(E)` node ids.
        target (NDArray): :math:`(E)` node ids.

    Returns:
        NDArray: :math:`(E)` ``int32``.
    """
    indptr, indices = graph
    counts = count_at_slots(graph)
    common = np.empty(source.size, np.int32)
    over_rows(
        lambda low, high: _read_counts(
            indptr, indices, counts, source[low:high], target[low:high],
            common[low:high],
        ),
        np.arange(source.size + 1),
    )  # fmt: skip
    return common


def count_at_slots(graph: Undirected) -> Ids:
    """Common neighbours, where the row is that of the end of lower degree.

    Args:
        graph (Undirected): The graph.

    Returns:
        NDArray: ``int32``, a number a slot; zero where the other end has the lower
        degree, or the same and the lower id.
    """
    counts = np.zeros(graph.indices.size, np.int32)
    over_rows(lambda low, high: _count(*graph, low, high, counts), graph.indptr)
    return counts


@njit(cache=True, nogil=True)
def stands_above(indptr: Ints, node: int, other: int) -> bool:
    """Whether a node has the higher degree, or the higher id among equals.

    Args:
        indptr (NDArray): As in :class:`~graphllm.kernels.undirected.Undirected`.
        node (int): This node.
        other (int): The other one.

    Returns:
        bool: One of any two nodes stands above the other.
    """
    here, there = indptr[node + 1] - indptr[node], indptr[other + 1] - indptr[other]
    return here > there or (here == there and node > other)


@njit(cache=True, nogil=True)
def _count(indptr: Ints, indices: Ids, low: int, high: int, counts: Ids) -> None:
    # Who has marked a node last: the rows need no cleaning up between them.
    mark = np.full(indptr.size - 1, -1, np.int32)
    for node in range(low, high):
        for slot in range(indptr[node], indptr[node + 1]):
            mark[indices[slot]] = node
        for slot in range(indptr[node], indptr[node + 1]):
            other = indices[slot]
            if stands_above(indptr, node, other):
                common = 0
                back = indptr[other]
                for at in range(indptr[other], indptr[other + 1]):
                    common += mark[indices[at]] == node
                    if indices[at] == node:
                        back = at
                # No other thread writes there: only one end stands above the other.
                counts[back] = common


@njit(cache=True, nogil=True)
def _read_counts(
    indptr: Ints, indices: Ids, counts: Ids, source: Nodes, target: Nodes, common: Ids
) -> None:
    for edge in range(source.size):
        node, other = source[edge], target[edge]
        if node == other:
            common[edge] = indptr[node + 1] - indptr[node]
            continue
        if stands_above(indptr, node, other):
            node, other = other, node
        common[edge] = counts[slot_of(indptr, indices, node, other)]
