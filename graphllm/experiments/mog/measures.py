"""What thinning does to a graph besides accuracy: connection and speed."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from torch import Tensor, nn

from graphllm.models.backbones import call_backbone

Result = TypeVar("Result")

ROUNDS = 5
PASSES = 3


def connectivity(edge_index: Tensor, num_nodes: int) -> dict[str, float]:
    """Connected components, and nodes that hear from nobody.

    Args:
        edge_index (Tensor): :math:`(2, |E|)`, messages flow from row 0 to row 1.
        num_nodes (int): Number of nodes.

    Returns:
        dict: ``components``, with edges taken in both directions, and ``isolated``,
        nodes without an incoming edge of another node.
    """
    row, col = edge_index.cpu().numpy()
    ones = np.ones(row.size, dtype=np.int8)
    matrix = coo_matrix((ones, (row, col)), shape=(num_nodes, num_nodes))
    count, _ = connected_components(matrix, directed=False)
    heard = np.bincount(col[row != col], minlength=num_nodes)
    return {"components": float(count), "isolated": float((heard == 0).sum())}


def homophily(edge_index: Tensor, y: Tensor) -> float:
    """Share of the edges that join two nodes of one class.

    Args:
        edge_index (Tensor): :math:`(2, |E|)`.
        y (Tensor): Classes, :math:`(|V|)`; edges of nodes below zero do not count.

    Returns:
        float: In [0, 1]; NaN where no edge counts.
    """
    source, target = y[edge_index]
    known = (source >= 0) & (target >= 0)
    return float((source == target)[known].double().mean())


def timed_ms(work: Callable[[], Result]) -> tuple[Result, float]:
    """Run twice; the result, and the milliseconds of the faster run.

    The first one may compile what it calls.

    Args:
        work (Callable): Gives the same result at every call.
    """
    times = []
    for _ in range(2):
        start = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - start)
    return result, 1e3 * min(times)


@torch.no_grad()
def inference_ms(
    gnn: nn.Module,
    x: Tensor,
    graphs: Mapping[str, Tensor],
    rounds: int = ROUNDS,
    passes: int = PASSES,
) -> dict[str, float]:
    """Median time of one pass of one network over each of several graphs.

    The graphs take turns, so that a busy moment of the machine falls on all of them.
    Each turn starts with a pass that does not count: what a network keeps of a graph
    (a normalised matrix) is made there, as it is once in use.

    Args:
        gnn (torch.nn.Module): Takes ``x`` and ``edge_index``.
        x (Tensor): Features of the nodes.
        graphs (Mapping[str, Tensor]): Name to ``edge_index``.
        rounds (int, optional): Turns of each graph. (default: :obj:`5`)
        passes (int, optional): Passes a turn. (default: :obj:`3`)

    Returns:
        dict[str, float]: Milliseconds.
    """
    gnn.eval()
    times: dict[str, list[float]] = {name: [] for name in graphs}
    for _ in range(rounds):
        for name, edge_index in graphs.items():
            call_backbone(gnn, x, edge_index, None)
            for _ in range(passes):
                start = time.perf_counter()
                call_backbone(gnn, x, edge_index, None)
                times[name].append(time.perf_counter() - start)
    return {name: 1e3 * statistics.median(taken) for name, taken in times.items()}
