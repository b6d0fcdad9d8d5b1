"""Uniform grids of a few bits, one for each group of weights."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from graphllm.errors import CompressionError

# The smallest number of float16 that is not zero.
_TINY = 2.0**-24


@dataclass(frozen=True)
class Quantized:
    r"""A weight as integers on a grid.

    .. math::
        \hat{w}_{ij} = \frac{\Delta_{ig} (q_{ij} - z_{ig})}{s_j},
        \qquad g = \lfloor j / \text{group size} \rfloor

    Args:
        codes (Tensor): :math:`q`, of shape :math:`(m, n)`, ``uint8``.
        scale (Tensor): :math:`\Delta`, of shape :math:`(m, G)`, ``float16``.
        zero (Tensor, optional): :math:`z`, of shape :math:`(m, G)`, ``uint8``. A
            symmetric grid has none, its :math:`z` is :math:`2^{b - 1}`.
        bits (int): :math:`b`.
        group_size (int): Columns that share a grid; the last group may be smaller.
        channel_scale (Tensor, optional): :math:`s`, of shape :math:`(n)`, ``float16``.
    """

    codes: Tensor
    scale: Tensor
    zero: Tensor | None
    bits: int
    group_size: int
    channel_scale: Tensor | None = None

    def dequantize(self) -> Tensor:
        r"""The weight :math:`\hat{\mathbf{W}}`, in ``float32``."""
        columns = self.codes.size(1)
        scale = spread(self.scale, self.group_size, columns).float()
        if self.zero is None:
            weight = (self.codes.float() - 2 ** (self.bits - 1)) * scale
        else:
            zero = spread(self.zero, self.group_size, columns).float()
            weight = (self.codes.float() - zero) * scale
        if self.channel_scale is not None:
            weight /= self.channel_scale.float()
        return weight

    def bits_per_weight(self) -> float:
        """Bits stored for a weight, with those of grids and channels shared out."""
        total = self.bits * self.codes.numel() + 16 * self.scale.numel()
        if self.zero is not None:
            total += self.bits * self.zero.numel()
        if self.channel_scale is not None:
            total += 16 * self.channel_scale.numel()
        return total / self.codes.numel()


def rtn(
    weight: Tensor,
    bits: int = 4,
    group_size: int | None = 64,
    symmetric: bool = False,
    ragged: bool = False,
) -> Quantized:
    r"""Round each weight to the nearest point of its group's grid.

    .. math::
        \Delta = \frac{\max(w, 0) - \min(w, 0)}{2^b - 1}, \quad
        z = \mathrm{round}(-\min(w, 0) / \Delta), \quad
        q = \mathrm{clip}(\mathrm{round}(w / \Delta) + z,\, 0,\, 2^b - 1)

    Groups are runs of columns within a row. Zero is always on the grid, so that pruned
    weights stay zero. A symmetric grid has :math:`\Delta = \max |w| / (2^{b-1} - 1)`
    and zero in its middle. :math:`\Delta` is rounded to ``float16`` before codes are
    chosen, so that nothing is lost when it is stored.

    Args:
        weight (Tensor): :math:`(m, n)`, floating point.
        bits (int, optional): :math:`b`, from 2 to 8. (default: :obj:`4`)
        group_size (int, optional): Columns of a group, :obj:`None` for whole rows.
            (default: :obj:`64`)
        symmetric (bool, optional): See above. (default: :obj:`False`)
        ragged (bool, optional): Allow a smaller last group. (default: :obj:`False`)

    Raises:
        CompressionError: If the group size does not divide the columns, or ``bits``
            is not possible.
    """
    size = check_group(weight.size(1), group_size, ragged)
    scale, zero = grid_of(grouped(weight.float(), size), bits, symmetric)
    columns = weight.size(1)
    codes = nearest(
        weight.float(),
        spread(scale, size, columns),
        None if zero is None else spread(zero, size, columns),
        bits,
    )
    return Quantized(codes, scale, zero, bits, size)


def grid_of(groups: Tensor, bits: int, symmetric: bool) -> tuple[Tensor, Tensor | None]:
    """Scale and zero of each group.

    Args:
        groups (Tensor): :math:`(*, g)`, ``float32``.
        bits (int): Bits of a code.
        symmetric (bool): Whether zero is the middle of the grid.

    Returns:
        tuple[Tensor, Tensor | None]: ``float16`` scales and ``uint8`` zeros, both of
        shape :math:`(*)`; a symmetric grid has no zeros.

    Raises:
        CompressionError: If ``bits`` is not from 2 to 8, or a scale overflows.
    """
    check_bits(bits)
    if symmetric:
        scale = _half(groups.abs().amax(-1) / (2 ** (bits - 1) - 1))
        return scale, None
    low = groups.amin(-1).clamp(max=0)
    high = groups.amax(-1).clamp(min=0)
    scale = _half((high - low) / (2**bits - 1))
    zero = (-low / scale.float()).round().clamp(0, 2**bits - 1)
    return scale, zero.to(torch.uint8)


def nearest(weight: Tensor, scale: Tensor, zero: Tensor | None, bits: int) -> Tensor:
    """Codes of weights on grids of the same shape, or one that broadcasts to it.

    Args:
        weight (Tensor): The weights, ``float32``.
        scale (Tensor): Their grids' scales.
        zero (Tensor, optional): Their grids' zeros; :obj:`None` for symmetric grids.
        bits (int): Bits of a code.

    Returns:
        Tensor: ``uint8``, from 0 (symmetric: 1) to :math:`2^b - 1`.
    """
    steps = (weight / scale.float()).round_()
    if zero is None:
        steps += 2 ** (bits - 1)
        return steps.clamp_(1, 2**bits - 1).to(torch.uint8)
    return steps.add_(zero).clamp_(0, 2**bits - 1).to(torch.uint8)


def grouped(weight: Tensor, group_size: int) -> Tensor:
    """Rows cut into groups, the last one filled up with zeros: ``(m, G, g)``."""
    rows, columns = weight.shape
    weight = pad(weight, (0, -columns % group_size))
    return weight.reshape(rows, -1, group_size)


def spread(groups: Tensor, group_size: int, columns: int) -> Tensor:
    """A value of each group for each of its columns: ``(m, G)`` to ``(m, n)``."""
    if groups.size(1) == 1:
        return groups.expand(-1, columns)
    return groups.repeat_interleave(group_size, dim=1)[:, :columns]


def group_spans(columns: int, group_size: int) -> Iterator[tuple[int, int]]:
    """First column and end of each group."""
    for begin in range(0, columns, group_size):
        yield begin, min(begin + group_size, columns)


def check_bits(bits: int) -> None:
    """Refuse widths that a byte or the formulas do not take.

    Raises:
        CompressionError: If ``bits`` is not from 2 to 8.
    """
    if bits not in range(2, 9):
        raise CompressionError(f"'bits' must be from 2 to 8 (got {bits})")


def check_group(columns: int, group_size: int | None, ragged: bool) -> int:
    """The size of groups in a weight of so many columns.

    Args:
        columns (int): Columns of the weight.
        group_size (int, optional): What was asked for; :obj:`None` for whole rows.
        ragged (bool): Whether the last group may be smaller.

    Raises:
        CompressionError: If the groups do not fit and may not be ragged.
    """
    if group_size is None:
        return columns
    if group_size < 1:
        raise CompressionError(f"'group_size' must be positive (got {group_size})")
    if columns % group_size and not ragged:
        fitting = max(g for g in range(1, group_size + 1) if columns % g == 0)
        raise CompressionError(
            f"'group_size' {group_size} does not divide {columns} columns; use "
            f"{fitting}, or ragged=True"
        )
    return min(group_size, columns)


def _half(scale: Tensor) -> Tensor:
    half = scale.clamp(min=_TINY).half()
    if bool(half.isinf().any()):
        raise CompressionError(
            f"a weight is too large for scales in float16 ({float(scale.max()):g} a "
            "step); the model is damaged"
        )
    return half
