"""How firmly experts keep an edge: the differentiable side of a hard choice."""

import torch
from torch import Tensor


def thresholds(score: Tensor, kept: Tensor, row: Tensor, num_rows: int) -> Tensor:
    """Midway between the last edge that a row keeps and the first that it removes.

    Args:
        score (Tensor): :math:`(|E|, M)`, a column an expert.
        kept (Tensor): :math:`(|E|, M)` ``bool``, the best edges of every row.
        row (Tensor): :math:`(|E|)`, the row of each edge.
        num_rows (int): Number of rows.

    Returns:
        Tensor: :math:`(N, M)`, detached; minus infinity for a row that keeps all its
        edges, plus infinity for one that keeps none.
    """
    score = score.detach()
    index = row.unsqueeze(1).expand_as(score)
    size = (num_rows, score.size(1))
    high = score.masked_fill(~kept, torch.inf)
    last = score.new_full(size, torch.inf).scatter_reduce(0, index, high, "amin")
    low = score.masked_fill(kept, -torch.inf)
    first = score.new_full(size, -torch.inf).scatter_reduce(0, index, low, "amax")
    return (last + first) / 2.0


def soft_vote(
    margin: Tensor, gate: Tensor, row: Tensor, temperature: float = 1.0
) -> Tensor:
    r"""Gate-weighted mean of how firmly each expert keeps each edge.

    .. math::
        v_e = \sum_m g_{r(e) m} \, \mathrm{sigmoid}(t_{em} / \tau)

    Args:
        margin (Tensor): :math:`(|E|, M)`, score less threshold, :math:`t`.
        gate (Tensor): :math:`(N, M)`.
        row (Tensor): :math:`(|E|)`, the row of each edge.
        temperature (float, optional): :math:`\tau`. (default: :obj:`1.0`)

    Returns:
        Tensor: :math:`(|E|)`, in [0, 1].
    """
    firmness = torch.sigmoid(margin / temperature)
    return (gate.index_select(0, row) * firmness).sum(dim=1)
