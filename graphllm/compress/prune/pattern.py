"""N:M sparsity: of every M neighbours along the input, N stay."""

import torch
from torch import Tensor

from graphllm.errors import CompressionError


def parse_pattern(pattern: str) -> tuple[int, int]:
    """Read ``"2:4"`` as *keep 2 of every 4*.

    Args:
        pattern (str): The pattern; published code that counts the removed ones calls
            the same pattern by M - N.

    Raises:
        CompressionError: If it is not of the form ``N:M`` with 0 < N < M.
    """
    keep, _, of = pattern.partition(":")
    if not (keep.isdecimal() and of.isdecimal() and 0 < int(keep) < int(of)):
        raise CompressionError(
            f"'pattern' must be 'N:M', which keeps N of every M weights with "
            f"0 < N < M (got '{pattern}')"
        )
    return int(keep), int(of)


def nm_mask(scores: Tensor, keep: int, of: int) -> Tensor:
    """Which weights stay when each group keeps its highest scores.

    Groups are ``of`` consecutive inputs of one row. A rest that fills no group stays.
    Of equal scores, those that come first are removed.

    Args:
        scores (Tensor): :math:`(m, n)`.
        keep (int): How many of each group stay.
        of (int): Size of a group.

    Returns:
        Tensor: :math:`(m, n)` ``bool``, true where a weight stays.
    """
    mask = torch.ones_like(scores, dtype=torch.bool)
    whole = scores.size(-1) // of * of
    groups = scores[..., :whole].unflatten(-1, (-1, of))
    lowest = groups.argsort(dim=-1, stable=True)[..., : of - keep]
    kept = torch.ones_like(groups, dtype=torch.bool).scatter_(-1, lowest, False)
    mask[..., :whole] = kept.flatten(-2)
    return mask
