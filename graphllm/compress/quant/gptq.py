"""GPTQ: round column by column and let the rest make up for it."""

import torch
from torch import Tensor

from graphllm.compress.prune.inverse import inverse_factor
from graphllm.compress.quant.grid import (
    Quantized,
    check_group,
    grid_of,
    group_spans,
    grouped,
    nearest,
)


def gptq(
    weight: Tensor,
    hessian: Tensor,
    bits: int = 4,
    group_size: int | None = 64,
    symmetric: bool = False,
    ragged: bool = False,
    act_order: bool = False,
    block: int = 128,
    damping: float = 0.01,
) -> Quantized:
    r"""Quantise a weight so that its outputs change little.

    From `"GPTQ: Accurate Post-Training Quantization for Generative Pre-trained
    Transformers" <https://arxiv.org/abs/2210.17323>`_ (2022), algorithm 1. Columns are
    rounded one after the other; with :math:`\mathbf{U}` of
    :func:`~graphllm.compress.prune.inverse.inverse_factor`, those that come later
    take up the error,

    .. math::
        \mathbf{e} = \frac{\mathbf{w}_j - \hat{\mathbf{w}}_j}{U_{jj}}, \qquad
        \mathbf{W}_{:, j+1:} \leftarrow \mathbf{W}_{:, j+1:}
        - \mathbf{e}\, \mathbf{U}_{j, j+1:}

    in blocks of columns, so that most of it is one matrix product a block. The grid of
    a group is set when its first column is reached.

    .. note::
        In the published code a group's grid may miss corrections that are still on
        their way; here blocks end where groups end. Columns whose input was always
        zero are rounded to the nearest value, not set to zero. With ``act_order``
        grids are those of the dense weight, so that codes need no reordering.

    Args:
        weight (Tensor): :math:`(m, n)`.
        hessian (Tensor): :math:`\mathbf{X}^{\top} \mathbf{X}`, of shape
            :math:`(n, n)`; its scale does not matter.
        bits (int, optional): As in :func:`~graphllm.compress.quant.rtn`.
            (default: :obj:`4`)
        group_size (int, optional): As there. (default: :obj:`64`)
        symmetric (bool, optional): As there. (default: :obj:`False`)
        ragged (bool, optional): As there. (default: :obj:`False`)
        act_order (bool, optional): Begin with the columns of the largest inputs.
            (default: :obj:`False`)
        block (int, optional): About how many columns make a block.
            (default: :obj:`128`)
        damping (float, optional): Of the Hessian. (default: :obj:`0.01`)

    Raises:
        CompressionError: If the group size does not divide the columns, ``bits`` is
            not possible, or the Hessian is not positive definite.
    """
    columns = weight.size(1)
    size = check_group(columns, group_size, ragged)
    left = weight.float().clone()
    scale, zero = grid_of(grouped(left, size), bits, symmetric)
    order = torch.arange(columns, device=weight.device)
    if act_order:
        order = hessian.diagonal().argsort(descending=True, stable=True)
        left = left[:, order]
        hessian = hessian[order][:, order]
    upper = inverse_factor(hessian, damping).float()
    codes = torch.empty_like(left, dtype=torch.uint8)
    owner = (order // size).tolist()
    for begin, end in group_spans(columns, size * max(1, block // size)):
        part, errors = left[:, begin:end], torch.empty_like(left[:, begin:end])
        for j in range(begin, end):
            group = owner[j]
            if not act_order and j % size == 0:
                fresh = grid_of(left[:, j : min(j + size, end)], bits, symmetric)
                _set_grid(scale, zero, group, fresh)
            z = None if zero is None else zero[:, group]
            codes[:, j] = nearest(left[:, j], scale[:, group], z, bits)
            middle = 2 ** (bits - 1) if z is None else z.float()
            rounded = (codes[:, j].float() - middle) * scale[:, group].float()
            error = (left[:, j] - rounded) / upper[j, j]
            part[:, j - begin + 1 :].addr_(error, upper[j, j + 1 : end], alpha=-1)
            errors[:, j - begin] = error
        left[:, end:] -= errors @ upper[begin:end, end:]
    codes[:, order] = codes.clone()
    return Quantized(codes, scale, zero, bits, size)


def _set_grid(
    scale: Tensor,
    zero: Tensor | None,
    group: int,
    fresh: tuple[Tensor, Tensor | None],
) -> None:
    scale[:, group] = fresh[0]
    if zero is not None and fresh[1] is not None:
        zero[:, group] = fresh[1]
