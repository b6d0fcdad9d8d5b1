"""How many edges each node keeps."""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

from graphllm.errors import BudgetError, UnknownNameError

Allocation = Literal["cap", "share"]

# A share times a degree may miss the whole number that it is by rounding alone.
ROUNDING = 1e-6
# Much finer, since the slack of all nodes together must stay below one edge.
FINE_ROUNDING = 1e-9
# Nodes that would keep everything give way too, a thousand times as slowly.
LEAST_SPARSITY = 1e-3
BISECTIONS = 60


def keep_counts(
    degree: Tensor, sparsity: float | Sequence[float] | Tensor, min_edges: int = 1
) -> Tensor:
    r"""Edges that each node keeps at a given sparsity, the share that is *removed*.

    Step 3 of MoG, `"Graph Sparsification via Mixture of Graphs"
    <https://arxiv.org/abs/2405.14260>`_:

    .. math::
        b_i = \max \left( d_i - \lceil s \, d_i \rceil, \;
            \min(b_{\min}, d_i) \right)

    Args:
        degree (Tensor): :math:`(|V|)`, the edges of each node.
        sparsity (float or sequence or Tensor): One share for all nodes; a sequence of
            :math:`M` shares, each for all nodes; or a ``float64`` tensor with one
            share a node, or :math:`M` of them.
        min_edges (int, optional): Edges that a node keeps at least, if it has as many,
            :math:`b_{\min}`. (default: :obj:`1`)

    Returns:
        Tensor: ``int64`` of shape :math:`(|V|)`, or :math:`(|V|, M)`.

    Raises:
        BudgetError: If a share is outside [0, 1] or ``min_edges`` is negative.
    """
    check_sparsity(sparsity)
    check_min_edges(min_edges)
    share = torch.as_tensor(sparsity, dtype=torch.float64, device=degree.device)
    least = degree.clamp(max=min_edges)
    if not isinstance(sparsity, Tensor) and share.dim() == 1:
        share = share.unsqueeze(0)
    if share.dim() == 2:
        degree, least = degree.unsqueeze(1), least.unsqueeze(1)
    removed = torch.ceil(share * degree - ROUNDING).long()
    return torch.maximum(degree - removed, least)


def match_total(
    degree: Tensor,
    sparsity: Tensor,
    kept_total: int,
    min_edges: int = 1,
    priority: Tensor | None = None,
    allocation: Allocation = "cap",
) -> Tensor:
    r"""Edges that each node keeps, so that the whole graph keeps a given number.

    One factor :math:`f` for all nodes, found by bisection, makes the counts add up,
    :math:`\sum_i \max(b_i(f), \min(b_{\min}, d_i)) = B`. With ``"share"`` it scales
    the nodes' sparsities; with ``"cap"`` it sets how many edges a node may keep, in
    proportion to the share it would keep:

    .. math::
        b_i(f) = d_i \, (1 - \min(f \, s_i, 1)) \quad \text{or} \quad
        b_i(f) = \min(d_i, (1 - s_i) / f).

    Under a cap the edges come from nodes that have many: the mean over a hub's
    neighbours hardly changes when half of them go, that of a node with two does. The
    counts are rounded down, and the edges still missing go to the nodes with the
    largest remainders. A sparsity of (almost) zero, or of one under a cap, is taken
    as off by 0.001, so that every total can be met.

    Args:
        degree (Tensor): :math:`(|V|)`, the edges of each node.
        sparsity (Tensor): :math:`(|V|)`, the share that each node would *remove*.
        kept_total (int): Edges that all nodes keep together, :math:`B`.
        min_edges (int, optional): Edges that a node keeps at least, if it has as many,
            :math:`b_{\min}`. (default: :obj:`1`)
        priority (Tensor, optional): :math:`(|V|)`; among equal remainders the larger
            goes first, then the lower node id.
        allocation (str, optional): ``"cap"`` or ``"share"``.
            (default: :obj:`"cap"`)

    Returns:
        Tensor: :math:`(|V|)` ``int64``. The sum is ``kept_total`` if that lies between
        what ``min_edges`` keeps and all edges, and the nearer of these two otherwise.

    Raises:
        BudgetError: If a share is outside [0, 1] or ``min_edges`` is negative.
        UnknownNameError: If there is no such ``allocation``.
    """
    check_sparsity(sparsity)
    check_min_edges(min_edges)
    check_allocation(allocation)
    least = degree.clamp(max=min_edges)
    total = min(max(kept_total, int(least.sum())), int(degree.sum()))
    share = sparsity.double().clamp(LEAST_SPARSITY, 1.0)
    if allocation == "cap":
        share = share.clamp_max(1.0 - LEAST_SPARSITY)
    factor = _common_factor(degree, share, total, min_edges, allocation)
    wanted = _scaled_counts(degree, share, factor, min_edges, allocation)
    return _largest_remainder(wanted, degree, total, priority)


def _scaled_counts(
    degree: Tensor,
    share: Tensor,
    factor: float,
    min_edges: int,
    allocation: Allocation,
) -> Tensor:
    if allocation == "cap":
        kept = torch.minimum((1.0 - share) / factor, degree.double())
    else:
        kept = degree * (1.0 - (factor * share).clamp(max=1.0))
    return torch.maximum(kept, degree.clamp(max=min_edges).double())


def _common_factor(
    degree: Tensor,
    share: Tensor,
    total: int,
    min_edges: int,
    allocation: Allocation,
) -> float:
    # Nodes with the same degree and sparsity are counted, not looked at one by one.
    levels, level = torch.unique(share, return_inverse=True)
    kind = degree * levels.numel() + level
    kinds, count = torch.unique(kind, return_counts=True)
    size, share = kinds // levels.numel(), levels[kinds % levels.numel()]
    low, high = 0.0, 1.0 / LEAST_SPARSITY
    for _ in range(BISECTIONS):
        middle = (low + high) / 2.0
        kept = _scaled_counts(size, share, middle, min_edges, allocation)
        if float((count * kept).sum()) > total:
            low = middle
        else:
            high = middle
    return high


def _largest_remainder(
    wanted: Tensor, degree: Tensor, total: int, priority: Tensor | None
) -> Tensor:
    count = torch.floor(wanted + FINE_ROUNDING).long()
    missing = total - int(count.sum())
    if missing == 0:
        return count
    # To a millionth: what bisection cannot tell apart is equal.
    remainder = ((wanted - count) / ROUNDING).round()
    remainder = remainder.masked_fill(count >= degree, -1.0)
    order = torch.arange(degree.numel(), device=degree.device)
    for key in (priority, remainder):
        if key is not None:
            order = order[torch.argsort(key[order], descending=True, stable=True)]
    count[order[:missing]] += 1
    return count


def check_sparsity(sparsity: float | Sequence[float] | Tensor) -> None:
    """Refuse shares outside [0, 1].

    Raises:
        BudgetError: If there is one.
    """
    share = torch.as_tensor(sparsity, dtype=torch.float64)
    wrong = share[~((share >= 0.0) & (share <= 1.0))]
    if wrong.numel() > 0:
        raise BudgetError(
            "a sparsity is the share of edges that is removed, in [0, 1] (got "
            f"{float(wrong[0]):g})"
        )


def check_min_edges(min_edges: int) -> None:
    """Refuse negative numbers of edges.

    Raises:
        BudgetError: If it is one.
    """
    if min_edges < 0:
        raise BudgetError(
            f"'min_edges' must be 0 or more (got {min_edges}); every node keeps as "
            "many edges at least"
        )


def check_allocation(allocation: str) -> None:
    """Refuse unknown ways to spread a total.

    Raises:
        UnknownNameError: If it is one.
    """
    if allocation not in get_args(Allocation):
        raise UnknownNameError("allocation", allocation, get_args(Allocation))
