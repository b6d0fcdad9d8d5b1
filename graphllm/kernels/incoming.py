"""Edges grouped by their target, and sums over the edges that enter a node."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import NamedTuple

import numba
import numpy as np
import torch
from torch import Tensor

from graphllm.errors import TextGraphError

# Below this many edges, starting threads costs more than they save.
MIN_EDGES_PER_THREAD = 1_000_000


class Incoming(NamedTuple):
    """Who points at whom, in 32-bit ids.

    Args:
        start (numpy.ndarray): :math:`(|V| + 1)` ``int64``; the edges into node ``i``
            come from ``source[start[i]:start[i + 1]]``.
        source (numpy.ndarray): :math:`(|E|)` ``int32``, ascending for each target,
            whatever the order of the edges was.
        out_degree (numpy.ndarray): :math:`(|V|)` ``int64``, edges that leave a node.
    """

    start: np.ndarray
    source: np.ndarray
    out_degree: np.ndarray


def group_by_target(edge_index: Tensor, num_nodes: int) -> Incoming:
    """Group edges by target, as compressed rows.

    Both ids of an edge make one number, and those are sorted: numpy sorts numbers
    with vector instructions, while dropping each edge into its row jumps through
    memory and takes some ten times as long on a hundred million edges. Needs 12 bytes
    an edge besides ``edge_index``, 4 of them afterwards. Duplicated edges and self
    loops are kept as they are.

    Args:
        edge_index (Tensor): :math:`(2, |E|)`; row 0 holds sources.
        num_nodes (int): Number of nodes.

    Returns:
        Incoming: On the CPU.

    Raises:
        TextGraphError: If an edge names a node that does not exist.
    """
    edge_index = edge_index.cpu()
    if edge_index.numel() > 0:
        low, high = (int(bound) for bound in torch.aminmax(edge_index))
        if low < 0 or high >= num_nodes:
            raise TextGraphError(
                f"'edge_index' must hold ids in [0, {num_nodes - 1}] (got "
                f"{low if low < 0 else high}); the graph has {num_nodes} nodes"
            )
    source, target = edge_index.numpy()
    key = target << 32
    key |= source
    key.sort()
    start = np.searchsorted(key, np.arange(num_nodes + 1) << 32)
    out_degree = np.bincount(source, minlength=num_nodes)
    # The lower half of each number.
    return Incoming(start, key.astype(np.int32), out_degree)


def incoming_sum(
    incoming: Incoming, value: np.ndarray, num_threads: int = 1
) -> np.ndarray:
    r"""Sum the values of the nodes that point at each node.

    .. math::
        y_j = \sum_{(i, j) \in \mathcal{E}} v_i

    Each sum is taken by one thread in ascending order of sources, so the result does
    not depend on the number of threads.

    Args:
        incoming (Incoming): The edges.
        value (numpy.ndarray): :math:`(|V|)` ``float64``.
        num_threads (int, optional): Most threads to use. (default: :obj:`1`)

    Returns:
        numpy.ndarray: :math:`(|V|)` ``float64``.
    """
    start, source, _ = incoming
    result = np.empty(len(start) - 1)
    parts = max(1, min(num_threads, source.size // MIN_EDGES_PER_THREAD))
    # Equal numbers of edges, not of nodes: hubs are not spread evenly.
    cuts = np.searchsorted(start, np.linspace(0, source.size, parts + 1)[1:-1])
    bounds = [0, *cuts.tolist(), len(result)]
    if parts == 1:
        _sum_rows(start, source, value, 0, len(result), result)
        return result
    with ThreadPoolExecutor(parts) as pool:
        jobs = [
            pool.submit(_sum_rows, start, source, value, low, high, result)
            for low, high in pairwise(bounds)
        ]
        for job in jobs:
            job.result()
    return result


@numba.njit(cache=True, nogil=True)
def _sum_rows(
    start: np.ndarray,
    source: np.ndarray,
    value: np.ndarray,
    low: int,
    high: int,
    result: np.ndarray,
) -> None:
    for node in range(low, high):
        total = 0.0
        for edge in range(start[node], start[node + 1]):
            total += value[source[edge]]
        result[node] = total
