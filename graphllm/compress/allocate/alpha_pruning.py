"""AlphaPruning: blocks with heavy-tailed spectra are pruned less."""

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
from graphllm.compress.allocate.heavy_tail import hill_alpha, spectrum
from graphllm.compress.blocks import find_blocks, linears, weight_of
from graphllm.compress.calibration import Calibration


@dataclass(frozen=True)
class AlphaPruning(Allocation):
    r"""Ratios by the heavy tails of the weights; needs no data.

    From `"AlphaPruning: Using Heavy-Tailed Self Regularization Theory for Improved
    Layer-wise Pruning of Large Language Models" <https://arxiv.org/abs/2410.10912>`_
    (NeurIPS 2024). With :math:`q_b` the mean over a block's linear layers of
    :func:`~graphllm.compress.allocate.heavy_tail.hill_alpha`,

    .. math::
        r_b = \eta \left( (1 - \tau) + 2 \tau
        \frac{q_b - q_{\min}}{q_{\max} - q_{\min}} \right)

    where :math:`\eta` makes the mean as asked: heavy tails (small :math:`q_b`) are
    well trained and pruned less.

    .. note::
        Ratios are kept inside of [0, 0.95] and the others take what is cut off, so that
        the mean is met exactly; in the authors' code ratios may exceed one.

    Args:
        spread (float, optional): :math:`\tau`. (default: :obj:`0.3`)
        fixed_aspect (bool, optional): Estimate the tails on square windows of the
            weights, see :func:`~graphllm.compress.allocate.heavy_tail.spectrum`.
            (default: :obj:`False`)

    Raises:
        CompressionError: If a value is out of range.
    """

    name: ClassVar[str] = "alpha"

    spread: float = 0.3
    fixed_aspect: bool = False

    def __post_init__(self) -> None:
        check_spread(self.spread)

    def ratios(
        self, model: nn.Module, ratio: float, calibration: Calibration | None = None
    ) -> list[float]:
        """See the class; the calibration is not used."""
        alphas = [self._alpha(block) for block in find_blocks(model)]
        return alpha_ratios(
            torch.tensor(alphas).double(), block_sizes(model), ratio, self.spread
        )

    def _alpha(self, block: nn.Module) -> float:
        found = [
            hill_alpha(spectrum(weight_of(linear), self.fixed_aspect))
            for linear in linears(block).values()
        ]
        return sum(found) / len(found)


def alpha_ratios(
    alphas: Tensor, sizes: Tensor, ratio: float, spread: float = 0.3
) -> list[float]:
    r"""Ratios of blocks by their exponents; equal exponents give equal ratios.

    Args:
        alphas (Tensor): :math:`q_b`, of shape :math:`(L)`.
        sizes (Tensor): Weights of each block, of shape :math:`(L)`.
        ratio (float): Share to remove of all.
        spread (float, optional): :math:`\tau`. (default: :obj:`0.3`)
    """
    width = alphas.max() - alphas.min()
    if width < 1e-12:
        return [ratio] * len(alphas)
    raw = (1 - spread) + 2 * spread * (alphas - alphas.min()) / width
    return meet(lambda scale: scale * raw, sizes, ratio)
