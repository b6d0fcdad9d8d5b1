"""One verdict for both directions of an undirected edge."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from graphllm.kernels.row_topk import RowGroups

Symmetric = Literal["union", "intersection", "mean"]


def reverse_edges(edge_index: Tensor, num_nodes: int) -> Tensor:
    """Where the other direction of each edge is stored.

    Of edges that are stored several times, the first copy belongs to the first copy
    of the other direction, and so on: the reverse of the reverse is the edge itself.

    Args:
        edge_index (Tensor): :math:`(2, |E|)`, without self loops.
        num_nodes (int): Number of nodes.

    Returns:
        Tensor: :math:`(|E|)` ``int64`` positions; that of the edge itself where there
        is no other one.
    """
    if edge_index.size(1) == 0:
        return edge_index.new_empty(0)
    source, target = edge_index
    forward, backward = source * num_nodes + target, target * num_nodes + source
    key, order = torch.sort(forward, stable=True)
    position = torch.arange(key.numel(), device=key.device)
    copy = torch.empty_like(order)
    copy[order] = position
    copy -= torch.searchsorted(key, forward)
    place = torch.searchsorted(key, backward) + copy
    found = place < key.numel()
    place = place.clamp(max=key.numel() - 1)
    found &= key[place] == backward
    return torch.where(found, order[place], position)


def row_place(score: Tensor, rows: RowGroups) -> Tensor:
    """How many edges of its row stand before each edge.

    Args:
        score (Tensor): :math:`(|E|)`, falling; the edge that is stored first wins a
            tie.
        rows (RowGroups): The edges of each node.

    Returns:
        Tensor: :math:`(|E|)` ``int64``. Edges of a rank below :math:`b` are those
        that :func:`graphllm.kernels.row_topk.row_topk` keeps at a budget of :math:`b`.
    """
    degree = rows.degree()
    owner = torch.arange(degree.numel(), device=score.device).repeat_interleave(degree)
    row = torch.empty_like(owner)
    row[rows.order] = owner
    falling = torch.argsort(score, descending=True, stable=True)
    order = falling[torch.argsort(row[falling], stable=True)]
    rank = torch.empty_like(order)
    rank[order] = torch.arange(order.numel(), device=score.device) - rows.indptr[owner]
    return rank


def combine(
    kind: Symmetric,
    rank: Tensor,
    budget: Tensor,
    degree: Tensor,
    owner: Tensor,
    partner: Tensor,
    min_edges: int = 1,
) -> Tensor:
    r"""Combine what the two ends of each edge say about it.

    With :math:`b_i` edges to keep out of :math:`d_i`, node :math:`i` keeps the edge
    of rank :math:`r_{ij}` if :math:`m_{ij} = (b_i - r_{ij} - 1/2) / d_i > 0`. Both
    directions of the edge are kept

    * ``"union"``: if either node keeps it;
    * ``"intersection"``: if both do, or if it is among the ``min_edges`` best ones of
      either;
    * ``"mean"``: if :math:`m_{ij} + m_{ji} > 0`, so that the more decided node wins,
      or if it is among the ``min_edges`` best ones of either.

    Edges without another direction follow the one node that judges them.

    Args:
        kind (str): How to combine.
        rank (Tensor): :math:`(|E|)`, see :func:`row_place`.
        budget (Tensor): :math:`(|V|)`.
        degree (Tensor): :math:`(|V|)`.
        owner (Tensor): :math:`(|E|)`, the node that judges each edge.
        partner (Tensor): :math:`(|E|)`, see :func:`reverse_edges`.
        min_edges (int, optional): Edges that a node keeps at least, if it has as
            many. (default: :obj:`1`)

    Returns:
        Tensor: :math:`(|E|)` ``bool``, equal for both directions.
    """
    left = budget.index_select(0, owner) - rank
    if kind == "mean":
        margin = (2 * left - 1).double() / degree.index_select(0, owner)
        return (margin + margin[partner] > 0) | _among_best(rank, partner, min_edges)
    kept = left > 0
    if kind == "union":
        return kept | kept[partner]
    return kept & kept[partner] | _among_best(rank, partner, min_edges)


def nearest_total(keep: Callable[[int], Tensor], goal: int, num_edges: int) -> Tensor:
    """A mask whose number of kept edges is near to a goal, by bisection.

    Args:
        keep (Callable): From the edges that all nodes keep together, each on its own,
            to the combined :math:`(|E|)` ``bool``; more in, more out.
        goal (int): Edges to keep.
        num_edges (int): Most edges that nodes can keep.

    Returns:
        Tensor: :math:`(|E|)` ``bool``.
    """
    low, high = 0, num_edges
    fewer, more = keep(low), keep(high)
    while high - low > 1 and int(fewer.sum()) < goal:
        middle = (low + high) // 2
        mask = keep(middle)
        if int(mask.sum()) <= goal:
            low, fewer = middle, mask
        else:
            high, more = middle, mask
    miss = [abs(int(mask.sum()) - goal) for mask in (fewer, more)]
    return fewer if miss[0] <= miss[1] else more


def _among_best(rank: Tensor, partner: Tensor, min_edges: int) -> Tensor:
    best = rank < min_edges
    return best | best[partner]
