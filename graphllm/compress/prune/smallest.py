"""Exactly so many of the smallest scores, ties by position."""

import math

import torch
from torch import Tensor

# Products such as 0.29 * 100 fall a little below the whole number that is meant.
_ROUNDING = 1e-6


def removed(ratio: float, total: int) -> int:
    """How many a share removes, rounded down.

    Args:
        ratio (float): Share that is removed.
        total (int): Out of how many.
    """
    return min(total, math.floor(ratio * total + _ROUNDING))


def smallest(scores: Tensor, count: int) -> Tensor:
    """Marks the ``count`` smallest entries of each row.

    Of equal scores, those that come first are marked, so that the count is exact
    whatever the ties.

    Args:
        scores (Tensor): :math:`(*, n)` without NaN.
        count (int): How many in each row, from 0 to :math:`n`.

    Returns:
        Tensor: :math:`(*, n)` ``bool``.
    """
    if count <= 0:
        return torch.zeros_like(scores, dtype=torch.bool)
    bound = scores.kthvalue(count, dim=-1, keepdim=True).values
    below = scores < bound
    ties = scores == bound
    room = count - below.sum(-1, keepdim=True)
    return below | (ties & (ties.cumsum(-1) <= room))
