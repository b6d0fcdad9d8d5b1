"""How strongly each edge carries messages, as the importance of samplers has it."""

from typing import Literal

import torch
from torch import Tensor


def squared_propagation(
    edge_index: Tensor,
    weight: Tensor,
    num_nodes: int,
    norm: Literal["sym", "mean"],
) -> tuple[Tensor, Tensor]:
    r"""Squares of the entries of the normalised adjacency with self loops.

    .. math::
        P_{v u} = \frac{a_{u v}}{\sqrt{d_u d_v}} \quad \text{or} \quad
        P_{v u} = \frac{a_{u v}}{d_v}, \qquad
        d_v = 1 + \sum_{u \ne v} a_{u v}

    An edge :math:`(u, v)` points to :math:`v`; every node has a self loop of weight
    one besides, and those of ``edge_index`` do not count.

    Args:
        edge_index (Tensor): :math:`(2, |E|)`; row 0 holds sources.
        weight (Tensor): :math:`(|E|)` ``float64``, :math:`a_{u v}`.
        num_nodes (int): Number of nodes.
        norm (str): ``"sym"`` (GCN), or ``"mean"``.

    Returns:
        tuple[Tensor, Tensor]: Of the edges, :math:`(|E|)`, zero for self loops, and
        of the added self loops, :math:`(|V|)`; both ``float64``.
    """
    source, target = edge_index
    weight = torch.where(source == target, 0.0, weight)
    degree = torch.ones(num_nodes, dtype=torch.double).index_add_(0, target, weight)
    if norm == "sym":
        squares = weight.square().div_(degree[source]).div_(degree[target])
    else:
        squares = weight.div_(degree[target]).square_()
    return squares, degree.pow(-2)
