"""Which share of each block is removed."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from graphllm.compress.blocks import find_blocks, linears
from graphllm.compress.calibration import Calibration
from graphllm.errors import CompressionError


@dataclass(frozen=True)
class Allocation(ABC):
    """Spreads a share to remove over the blocks of a decoder.

    All linear layers of a block get its ratio. The mean over blocks, weighted by their
    weights, is the ratio that was asked for.
    """

    name: ClassVar[str] = ""

    @abstractmethod
    def ratios(
        self, model: nn.Module, ratio: float, calibration: Calibration | None = None
    ) -> list[float]:
        """The share to remove of each block.

        Args:
            model (PreTrainedModel): As
                :func:`~graphllm.compress.blocks.find_blocks` takes it; not changed.
            ratio (float): Share to remove of all blocks together.
            calibration (Calibration, optional): For those that look at activations.
        """

    def to_dict(self) -> dict[str, Any]:
        """Name and settings, ready for JSON."""
        return {"name": self.name, **asdict(self)}


@dataclass(frozen=True)
class Uniform(Allocation):
    """The same share of every block."""

    name: ClassVar[str] = "uniform"

    def ratios(
        self, model: nn.Module, ratio: float, calibration: Calibration | None = None
    ) -> list[float]:
        """``ratio`` for each block."""
        return [ratio] * len(find_blocks(model))


def block_sizes(model: nn.Module) -> Tensor:
    """Weights in the linear layers of each block.

    Args:
        model (PreTrainedModel): As :func:`~graphllm.compress.blocks.find_blocks` takes
            it.

    Returns:
        Tensor: :math:`(L)` ``float64``.
    """
    sizes = [
        sum(each.weight.numel() for each in linears(block).values())
        for block in find_blocks(model)
    ]
    return torch.tensor(sizes, dtype=torch.float64)


def meet(curve: Callable[[float], Tensor], sizes: Tensor, ratio: float) -> list[float]:
    r"""Solves for the ratios of a curve that remove the share asked for.

    .. math::
        \sum_b d_b \min(\max(r_b(t), 0), r_{\max}) = ratio \cdot \sum_b d_b

    is solved for :math:`t` by bisection; what a block at a bound cannot take goes to
    the others. :math:`r_{\max}` is 0.95, or half way from ``ratio`` to 1 if that is
    more, so that no block vanishes.

    Args:
        curve (Callable): :math:`t \mapsto (r_b)`, never falling in :math:`t`, which
            reaches both bounds in all blocks for :math:`t \in [-10^3, 10^3]`.
        sizes (Tensor): :math:`d_b`.
        ratio (float): Share to remove.
    """
    most = max(0.95, (1.0 + ratio) / 2)
    low, high = -1e3, 1e3
    for _ in range(100):
        middle = (low + high) / 2
        share = (curve(middle).clamp(0.0, most) * sizes).sum() / sizes.sum()
        low, high = (middle, high) if share < ratio else (low, middle)
    found: list[float] = curve(high).clamp(0.0, most).tolist()
    return found


def check_spread(spread: float) -> None:
    """Refuse a spread of ratios outside of [0, 1).

    Raises:
        CompressionError: If it is outside.
    """
    if not 0.0 <= spread < 1.0:
        raise CompressionError(f"'spread' must be in [0, 1) (got {spread:g})")
