"""AWQ: give channels with large inputs finer steps, and clip what is rare."""

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import pad

from graphllm.compress.quant.grid import (
    Quantized,
    check_group,
    grid_of,
    grouped,
    nearest,
    rtn,
)

# Groups are clipped down to half of their largest weight at most.
_SMALLEST_CLIP = 0.5
_CLIP_STEPS = 20
# Scales stay in the range of float16.
_SMALLEST_SCALE, _LARGEST_SCALE = 1e-4, 1e4


def awq(
    weight: Tensor,
    hessian: Tensor,
    mean_abs: Tensor,
    bits: int = 4,
    group_size: int | None = 64,
    symmetric: bool = False,
    ragged: bool = False,
    steps: int = 20,
    clip: bool = True,
) -> Quantized:
    r"""Quantise a weight with scales of its channels that suit its inputs.

    From `"AWQ: Activation-aware Weight Quantization for LLM Compression and
    Acceleration" <https://arxiv.org/abs/2306.00978>`_ (2023), section 3. With
    :math:`a_j` the mean of :math:`|x_j|`, scales

    .. math::
        s_j = a_j^{\gamma} / \sqrt{\max_i a_i^{\gamma} \min_i a_i^{\gamma}}, \qquad
        \hat{\mathbf{W}} = Q(\mathbf{W}\, \mathrm{diag}(\mathbf{s}))\,
        \mathrm{diag}(\mathbf{s})^{-1}

    are tried for :math:`\gamma` on a grid over [0, 1), and those are taken that change
    the layer's outputs least. After that each group is clipped, by a grid down to half
    of its largest weight, to where its own share of the outputs changes least.

    .. note::
        The authors fold :math:`1 / \mathbf{s}` into the operation before, share
        :math:`\mathbf{s}` between its readers, and compare outputs of whole modules.
        Here each matrix has its own :math:`\mathbf{s}`, stored beside it, so that any
        architecture will do, grouped queries included. Errors are exact over the whole
        calibration, from its Hessian, where theirs are of a sample of tokens.

    Args:
        weight (Tensor): :math:`(m, n)`.
        hessian (Tensor): :math:`\mathbf{X}^{\top} \mathbf{X}`, of shape
            :math:`(n, n)`.
        mean_abs (Tensor): :math:`\mathbf{a}`, of shape :math:`(n)`.
        bits (int, optional): As in :func:`~graphllm.compress.quant.rtn`.
            (default: :obj:`4`)
        group_size (int, optional): As there. (default: :obj:`64`)
        symmetric (bool, optional): As there. (default: :obj:`False`)
        ragged (bool, optional): As there. (default: :obj:`False`)
        steps (int, optional): Values of :math:`\gamma`; 1 is :math:`\gamma = 0` alone.
            (default: :obj:`20`)
        clip (bool, optional): Whether groups are clipped. (default: :obj:`True`)

    Raises:
        CompressionError: If the group size does not divide the columns, or ``bits``
            is not possible.
    """
    weight = weight.float()
    size = check_group(weight.size(1), group_size, ragged)
    hessian = (hessian / hessian.diagonal().mean().clamp(min=1e-30)).float()

    def error(scale: Tensor) -> float:
        found = rtn(weight * scale, bits, size, symmetric, ragged=True)
        change = replace(found, channel_scale=scale).dequantize() - weight
        return float(((change @ hessian) * change).sum())

    tried = [_channel_scale(mean_abs, step / steps) for step in range(steps)]
    scale = min(tried, key=error) if steps > 1 else tried[0]
    scaled = weight * scale
    if clip:
        wide = scale.float()
        within = _diagonal_blocks(hessian / (wide * wide.unsqueeze(1)), size)
        limits = _limits(grouped(scaled, size), within, bits, symmetric)
        limits = limits.repeat_interleave(size, dim=1)[:, : weight.size(1)]
        scaled = scaled.clamp(-limits, limits)
    found = rtn(scaled, bits, size, symmetric, ragged=True)
    return replace(found, channel_scale=scale)


def _channel_scale(mean_abs: Tensor, gamma: float) -> Tensor:
    scale = mean_abs.float().pow(gamma).clamp(min=_SMALLEST_SCALE)
    scale = scale / (scale.max() * scale.min()).sqrt()
    return scale.clamp(_SMALLEST_SCALE, _LARGEST_SCALE).half()


def _diagonal_blocks(hessian: Tensor, size: int) -> Tensor:
    """The Hessian within each group: ``(G, g, g)``, the last filled up with zeros."""
    missing = -hessian.size(0) % size
    blocks = pad(hessian, (0, missing, 0, missing)).unflatten(0, (-1, size))
    return torch.stack(
        [block[:, i * size : (i + 1) * size] for i, block in enumerate(blocks)]
    )


def _limits(groups: Tensor, hessian: Tensor, bits: int, symmetric: bool) -> Tensor:
    """Largest weight that each group keeps: ``(m, G)``."""
    largest = groups.abs().amax(-1)
    best = largest
    least = torch.full_like(largest, torch.inf)
    for step in range(int(_CLIP_STEPS * (1 - _SMALLEST_CLIP)) + 1):
        limit = largest * (1 - step / _CLIP_STEPS)
        inside = groups.clamp(-limit.unsqueeze(-1), limit.unsqueeze(-1))
        scale, zero = grid_of(inside, bits, symmetric)
        middle = 2 ** (bits - 1) if zero is None else zero.unsqueeze(-1)
        codes = nearest(
            inside,
            scale.unsqueeze(-1),
            None if zero is None else zero.unsqueeze(-1),
            bits,
        )
        change = (codes.float() - middle) * scale.unsqueeze(-1).float() - groups
        # (G, m, g) @ (G, g, g): how far each row's share of the output moves.
        moved = torch.matmul(change.transpose(0, 1), hessian).transpose(0, 1)
        error = (moved * change).sum(-1)
        better = error < least
        least = torch.where(better, error, least)
        best = torch.where(better, limit, best)
    return best
