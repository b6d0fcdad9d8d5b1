"""Magnitude pruning."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from graphllm.compress.allocate.base import Uniform
from graphllm.compress.base import LayerReport, Progress
from graphllm.compress.blocks import block_names, find_blocks, linears, weight_of
from graphllm.compress.calibration import Calibration
from graphllm.compress.prune.config import PruningConfig
from graphllm.compress.prune.layer import replace_weight
from graphllm.compress.prune.pattern import nm_mask
from graphllm.compress.prune.smallest import removed, smallest
from graphllm.errors import CompressionError, UnknownNameError

Scope = Literal["matrix", "row", "global"]
SCOPES = ("matrix", "row", "global")


@dataclass(frozen=True)
class Magnitude(PruningConfig):
    r"""Removes the weights of smallest :math:`|W_{ij}|`.

    The counts are exact: of each matrix, of each row of it, or of all blocks together
    :math:`\lfloor ratio \cdot n \rfloor` weights become zero, of equal ones those that
    come first. Needs no calibration.

    Args:
        ratio (float, optional): Share that is removed.
        pattern (str, optional): ``"2:4"`` *keeps* 2 of every 4 consecutive inputs.
        allocate (Allocation or str, optional): Ratio of each block.
            (default: :obj:`"uniform"`)
        scope (str, optional): Among what weights compete: ``"matrix"``, ``"row"``
            (one output), or ``"global"`` (all blocks). (default: :obj:`"matrix"`)

    Raises:
        CompressionError: If a value is out of range, or options exclude one another.
        UnknownNameError: If there is no such scope or allocation.
    """

    method: ClassVar[str] = "magnitude"

    scope: Scope = "matrix"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scope not in SCOPES:
            raise UnknownNameError("scope", self.scope, SCOPES)
        alone = self.pattern is None and isinstance(self.allocate, Uniform)
        if self.scope == "global" and not alone:
            raise CompressionError(
                "the scope 'global' goes with neither 'pattern' nor 'allocate': it "
                "finds the ratios of all layers itself"
            )


def magnitude_mask(
    weight: Tensor, ratio: float, scope: Literal["matrix", "row"] = "matrix"
) -> Tensor:
    """Which weights stay when the smallest go.

    Args:
        weight (Tensor): :math:`(m, n)`.
        ratio (float): Share that is removed.
        scope (str, optional): ``"matrix"`` or ``"row"``. (default: :obj:`"matrix"`)

    Returns:
        Tensor: :math:`(m, n)` ``bool``, true where a weight stays.
    """
    sizes = weight.abs()
    if scope == "matrix":
        sizes = sizes.reshape(1, -1)
    gone = smallest(sizes, removed(ratio, sizes.size(1)))
    return ~gone.view(weight.shape)


def global_bound(
    weights: Callable[[], Iterable[Tensor]], count: int
) -> tuple[int, int]:
    """The ``count``-th smallest magnitude of many matrices, in bounded memory.

    Bits of a non-negative ``float32`` are ordered as its value. The upper half of the
    bits is counted first, then the lower half of those that share the upper one.

    Args:
        weights (Callable): Goes through the matrices anew at each call.
        count (int): How many are to be removed, at least one.

    Returns:
        tuple[int, int]: Bits of the magnitude, and how many of exactly that magnitude
        belong to the smallest.
    """
    high, left = _bucket((magnitude_bits(w) >> 16 for w in weights()), count)
    lower = (
        bits[bits >> 16 == high] & 0xFFFF for bits in map(magnitude_bits, weights())
    )
    low, ties = _bucket(lower, left)
    return (high << 16) | low, ties


def magnitude_bits(weight: Tensor) -> Tensor:
    """Bits of :math:`|W_{ij}|` in ``float32``, as ``int32``."""
    return weight.float().abs().contiguous().view(torch.int32)


def _bucket(keys: Iterator[Tensor], count: int) -> tuple[int, int]:
    # The key at which `count` is reached, and how many of it are needed for that.
    counts = sum(
        torch.bincount(each.flatten().long(), minlength=1 << 16).cpu() for each in keys
    )
    assert isinstance(counts, Tensor)
    below = counts.cumsum(0)
    key = int((below < count).sum())
    return key, count - int(below[key] - counts[key])


def apply(
    model: nn.Module,
    config: Magnitude,
    calibration: Calibration | None = None,
    progress: Progress | None = None,
) -> list[LayerReport]:
    """Prune all blocks of a model in place.

    Args:
        model (PreTrainedModel): As :func:`~graphllm.compress.blocks.find_blocks` takes
            it.
        config (Magnitude): What to do.
        calibration (Calibration, optional): Only for allocations that need one.
        progress (Callable, optional): Called with the blocks done and all blocks.
    """
    ratios = config.block_ratios(model, calibration)
    bound, ties = -1, 0
    if config.scope == "global":
        layers = [each for b in find_blocks(model) for each in linears(b).values()]
        total = sum(each.weight.numel() for each in layers)
        bound, ties = global_bound(
            lambda: map(weight_of, layers), removed(ratios[0], total)
        )
    report = []
    for index, path in enumerate(block_names(model)):
        for name, linear in linears(find_blocks(model)[index]).items():
            weight = weight_of(linear)
            if config.group is not None:
                stays = nm_mask(weight.abs(), *config.group)
            elif config.scope == "global":
                bits = magnitude_bits(weight)
                equal = bits == bound
                first = equal & (equal.flatten().cumsum(0).view_as(bits) <= ties)
                ties -= int(first.sum())
                stays = ~(first | (bits < bound))
            else:
                stays = magnitude_mask(weight, ratios[index], config.scope)
            report.append(
                replace_weight(f"{path}.{name}", linear, weight.where(stays, 0.0))
            )
        if progress is not None:
            progress(index + 1, len(ratios))
    return report
