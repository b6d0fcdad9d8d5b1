"""OWL: blocks with many outliers are pruned less."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from graphllm.compress.allocate.base import (
    Allocation,
    block_sizes,
    check_spread,
    meet,
)
from graphllm.compress.blocks import linears, weight_of
from graphllm.compress.calibration import Calibration, needed
from graphllm.compress.stats import InputStats
from graphllm.compress.walk import walk_blocks
from graphllm.errors import CompressionError


@dataclass(frozen=True)
class OWL(Allocation):
    r"""Outlier-weighed layer-wise sparsity.

    From `"Outlier Weighed Layerwise Sparsity (OWL): A Missing Secret Sauce for Pruning
    LLMs to High Sparsity" <https://arxiv.org/abs/2310.05175>`_ (ICML 2024). With
    :math:`A_{ij} = |W_{ij}| \lVert \mathbf{x}_j \rVert_2` of all linear layers of a
    block together, its outliers are

    .. math::
        D_b = \frac{100}{|A|} \sum_{ij} \mathbb{1}[A_{ij} > M \cdot \overline{A}]

    and the share that is kept grows linearly with :math:`D_b` over a range of
    :math:`2 \lambda`, shifted so that the mean is as asked.

    .. note::
        Ratios are kept inside of [0, 0.95] and the mean is weighted by the blocks'
        weights, so that it is met exactly; the authors' code does neither.

    Args:
        spread (float, optional): :math:`\lambda`. (default: :obj:`0.08`)
        outlier (float, optional): :math:`M`. (default: :obj:`5.0`)

    Raises:
        CompressionError: If a value is out of range.
    """

    name: ClassVar[str] = "owl"

    spread: float = 0.08
    outlier: float = 5.0

    def __post_init__(self) -> None:
        check_spread(self.spread)
        if not self.outlier > 0:
            raise CompressionError(f"'outlier' must be positive (got {self.outlier:g})")

    def ratios(
        self, model: nn.Module, ratio: float, calibration: Calibration | None = None
    ) -> list[float]:
        """See the class; runs the calibration through the dense model once."""
        shares: list[float] = []

        def visit(_: int, block: nn.Module, stats: dict[str, InputStats]) -> None:
            scores = {
                name: weight_of(linear).abs() * stats[name].norm
                for name, linear in linears(block).items()
            }
            shares.append(outlier_share(list(scores.values()), self.outlier))

        walk_blocks(model, needed(calibration, self.name), visit, rerun=False)
        return owl_ratios(
            torch.tensor(shares).double(), block_sizes(model), ratio, self.spread
        )


def outlier_share(scores: list[Tensor], outlier: float = 5.0) -> float:
    r"""Per cent of scores above ``outlier`` times the mean of all.

    Args:
        scores (list[Tensor]): :math:`A` of each linear layer of a block.
        outlier (float, optional): :math:`M`. (default: :obj:`5.0`)
    """
    total = sum(each.numel() for each in scores)
    mean = sum(float(each.sum(dtype=torch.float64)) for each in scores) / total
    above = sum(int((each > outlier * mean).sum()) for each in scores)
    return 100.0 * above / total


def owl_ratios(
    shares: Tensor, sizes: Tensor, ratio: float, spread: float = 0.08
) -> list[float]:
    r"""Ratios of blocks by their outliers; equal outliers give equal ratios.

    Args:
        shares (Tensor): :math:`D_b`, of shape :math:`(L)`.
        sizes (Tensor): Weights of each block, of shape :math:`(L)`.
        ratio (float): Share to remove of all.
        spread (float, optional): :math:`\lambda`. (default: :obj:`0.08`)
    """
    width = (shares.max() - shares.min()).clamp(min=1e-12)
    kept = (shares - shares.min()) / width * 2 * spread
    return meet(lambda shift: shift - kept, sizes, ratio)
