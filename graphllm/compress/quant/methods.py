"""Rounding, GPTQ and AWQ applied to the blocks of a model."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from graphllm.compress.base import CompressionConfig, LayerReport, Progress
from graphllm.compress.blocks import (
    block_names,
    find_blocks,
    linears,
    set_weight,
    weight_of,
)
from graphllm.compress.calibration import Calibration, needed
from graphllm.compress.quant.awq import awq
from graphllm.compress.quant.gptq import gptq
from graphllm.compress.quant.grid import Quantized, check_bits, check_group, rtn
from graphllm.compress.quant.linear import QuantLinear
from graphllm.compress.stats import InputStats, weight_error
from graphllm.compress.walk import walk_blocks
from graphllm.errors import CompressionError

# Attention weights decide by differences of their outputs, which clipping distorts
# (AWQ's code leaves them out).
_UNCLIPPED = ("q_proj", "k_proj", "query_key_value", "c_attn")


@dataclass(frozen=True)
class RTN(CompressionConfig):
    """Each weight rounded to the nearest point of a grid, without calibration.

    Weights become values of a grid of few bits. They stay stored as they were, for any
    program to read, unless ``packed``: then a layer becomes a
    :class:`~graphllm.compress.quant.QuantLinear`, which is smaller.

    Args:
        bits (int, optional): From 2 to 8. (default: :obj:`4`)
        group_size (int, optional): Columns that share a grid, :obj:`None` for whole
            rows. (default: :obj:`64`)
        symmetric (bool, optional): Grids without zero points.
            (default: :obj:`False`)
        ragged (bool, optional): Allow a smaller last group. (default: :obj:`False`)
        packed (bool, optional): Store codes instead of weights.
            (default: :obj:`False`)

    Raises:
        CompressionError: If an option is out of range.
    """

    method: ClassVar[str] = "rtn"

    bits: int = 4
    group_size: int | None = 64
    symmetric: bool = False
    ragged: bool = False
    packed: bool = False

    def __post_init__(self) -> None:
        check_bits(self.bits)
        check_group(0, self.group_size, True)


@dataclass(frozen=True)
class GPTQ(RTN):
    """Rounding that later columns make up for: :func:`~graphllm.compress.quant.gptq`.

    Args:
        bits (int, optional): As in :class:`RTN`. (default: :obj:`4`)
        group_size (int, optional): As there. (default: :obj:`64`)
        symmetric (bool, optional): As there. (default: :obj:`False`)
        ragged (bool, optional): As there. (default: :obj:`False`)
        packed (bool, optional): As there. (default: :obj:`False`)
        act_order (bool, optional): Begin with the columns of the largest inputs.
            (default: :obj:`False`)
        damping (float, optional): Of the Hessian. (default: :obj:`0.01`)

    Raises:
        CompressionError: If an option is out of range.
    """

    method: ClassVar[str] = "gptq"

    act_order: bool = False
    damping: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 < self.damping <= 1.0:
            raise CompressionError(
                f"'damping' must be in (0, 1] (got {self.damping:g})"
            )


@dataclass(frozen=True)
class AWQ(RTN):
    """Rounding with scaled channels: :func:`~graphllm.compress.quant.awq`.

    Args:
        bits (int, optional): As in :class:`RTN`. (default: :obj:`4`)
        group_size (int, optional): As there. (default: :obj:`64`)
        symmetric (bool, optional): As there. (default: :obj:`False`)
        ragged (bool, optional): As there. (default: :obj:`False`)
        packed (bool, optional): As there. (default: :obj:`False`)
        steps (int, optional): Exponents that are tried. (default: :obj:`20`)
        clip (bool, optional): Clip groups, those of queries and keys apart.
            (default: :obj:`True`)

    Raises:
        CompressionError: If an option is out of range.
    """

    method: ClassVar[str] = "awq"

    steps: int = 20
    clip: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.steps < 1:
            raise CompressionError(f"'steps' must be positive (got {self.steps})")


@torch.no_grad()
def apply(
    model: nn.Module,
    config: RTN,
    calibration: Calibration | None = None,
    progress: Progress | None = None,
) -> list[LayerReport]:
    """Quantise the weights of a model's blocks, in place.

    Args:
        model (PreTrainedModel): The model.
        config (RTN or GPTQ or AWQ): How.
        calibration (Calibration, optional): Needed by GPTQ and AWQ, else not read.
        progress (Callable, optional): Called with the blocks done and all blocks.

    Raises:
        CompressionError: If the calibration is missing, or the group size does not
            divide the columns of a matrix. The model is unchanged then.
    """
    blocks, paths = find_blocks(model), block_names(model)
    for block in blocks:
        for linear in linears(block).values():
            check_group(weight_of(linear).size(1), config.group_size, config.ragged)
    reports: list[LayerReport] = []

    def visit(index: int, block: nn.Module, stats: dict[str, InputStats]) -> None:
        for name in linears(block):
            path = f"{paths[index]}.{name}"
            reports.append(_replace(block, name, path, config, stats.get(name)))

    if isinstance(config, GPTQ | AWQ):
        text = needed(calibration, config.method)
        walk_blocks(model, text, visit, which=("hessian", "absmax"), progress=progress)
        return reports
    for index, block in enumerate(blocks):
        visit(index, block, {})
        if progress is not None:
            progress(index + 1, len(blocks))
    return reports


def _replace(
    block: nn.Module, name: str, path: str, config: RTN, stats: InputStats | None
) -> LayerReport:
    linear = linears(block)[name]
    # A copy: set_weight writes into what weight_of shows.
    weight = weight_of(linear).clone()
    found = _quantize(weight, name, config, stats)
    rounded = found.dequantize()
    error = stats.error(weight, rounded) if stats else weight_error(weight, rounded)
    if config.packed:
        block.set_submodule(name, QuantLinear.from_quantized(found, linear.bias))
    else:
        set_weight(linear, rounded)
    size, bits = weight.numel(), found.bits_per_weight()
    return LayerReport(path, size, size, bits=bits, error=error)


def _quantize(
    weight: torch.Tensor, name: str, config: RTN, stats: InputStats | None
) -> Quantized:
    grid = config.bits, config.group_size, config.symmetric, config.ragged
    if isinstance(config, GPTQ) and stats is not None:
        order, damping = config.act_order, config.damping
        return gptq(weight, stats.hessian, *grid, act_order=order, damping=damping)
    if isinstance(config, AWQ) and stats is not None:
        clip = config.clip and not name.endswith(_UNCLIPPED)
        hessian, mean = stats.hessian, stats.mean_abs
        return awq(weight, hessian, mean, *grid, steps=config.steps, clip=clip)
    return rtn(weight, *grid)
