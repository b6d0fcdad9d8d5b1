"""What a criterion is, and what several of them share."""

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphllm.kernels.undirected import Ints, Undirected, slots_of


class Criterion(Protocol):
    """A score for every edge: the higher, the more it is worth keeping.

    Any function ``(edge_index, num_nodes, x) -> (E)`` will do. Those of this package
    take their options by name, so that ``functools.partial`` sets them. They read a
    graph as undirected: both directions of an edge, and its repetitions, get the same
    score. Directions, self loops and repetitions in ``edge_index`` are legal.
    """

    def __call__(
        self, edge_index: Tensor, num_nodes: int, x: Tensor | None = None, /
    ) -> Tensor:
        """Score the edges.

        Args:
            edge_index (Tensor): :math:`(2, E)`.
            num_nodes (int): Number of nodes.
            x (Tensor, optional): :math:`(N, F)` node features. (default: :obj:`None`)

        Returns:
            Tensor: :math:`(E)` ``float32``, finite, on the device of ``edge_index``.
        """


def to_scores(values: NDArray[np.generic], like: Tensor) -> Tensor:
    """Numbers of numpy as scores on the device of ``like``."""
    return torch.from_numpy(values.astype(np.float32, copy=False)).to(like.device)


def best_of_both_ends(
    value: NDArray[np.float32], graph: Undirected, source: Ints, target: Ints
) -> NDArray[np.float32]:
    """The larger one of what both ends of each edge say about it; 0 for a self loop.

    Args:
        value (NDArray): A number a slot: what a node says about its neighbour.
        graph (Undirected): The graph.
        source (NDArray): :math:`(E)` node ids.
        target (NDArray): :math:`(E)` node ids.

    Returns:
        NDArray: :math:`(E)` ``float32``.
    """
    best = np.zeros(source.size, np.float32)
    if value.size:
        for one, other in ((source, target), (target, source)):
            np.maximum(best, value[slots_of(graph, one, other)], out=best)
        best[source == target] = 0.0
    return best
