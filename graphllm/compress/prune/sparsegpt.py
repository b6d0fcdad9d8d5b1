"""SparseGPT: pruning with correction of the weights that stay."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from graphllm.compress.base import LayerReport, Progress
from graphllm.compress.blocks import block_names, linears, weight_of
from graphllm.compress.calibration import Calibration, needed
from graphllm.compress.prune.config import PruningConfig
from graphllm.compress.prune.inverse import inverse_factor
from graphllm.compress.prune.layer import replace_weight
from graphllm.compress.prune.pattern import nm_mask
from graphllm.compress.prune.smallest import removed, smallest
from graphllm.compress.stats import InputStats
from graphllm.compress.walk import walk_blocks
from graphllm.errors import CompressionError


@dataclass(frozen=True)
class SparseGPT(PruningConfig):
    r"""Removes weights one column at a time and corrects those to the right.

    From `"SparseGPT: Massive Language Models Can Be Accurately Pruned in One-Shot"
    <https://arxiv.org/abs/2301.00774>`_ (ICML 2023). With
    :math:`\mathbf{U}` of :func:`~graphllm.compress.prune.inverse_factor`, weights of
    smallest :math:`W_{ij}^2 / U_{jj}^2` go, and the error of each column is made good
    by the ones that are still to come:

    .. math::
        \mathbf{W}_{:, k} \leftarrow \mathbf{W}_{:, k} -
        \frac{\mathbf{W}_{:, j} - \hat{\mathbf{W}}_{:, j}}{U_{jj}} U_{jk},
        \qquad k \geq j

    In each group of ``block_size`` columns all rows compete for one exact count. Each
    block is calibrated on what the pruned blocks before it give.

    .. note::
        The Hessian and its inverse are in ``float64`` with growing damping, counts are
        exact, and weights of an input that was always zero are the first to go but no
        more than asked for.

    Args:
        ratio (float, optional): Share that is removed.
        pattern (str, optional): ``"2:4"`` *keeps* 2 of every 4 consecutive inputs.
        allocate (Allocation or str, optional): Ratio of each block.
            (default: :obj:`"uniform"`)
        block_size (int, optional): Columns of which the mask is chosen at a time.
            (default: :obj:`128`)
        damping (float, optional): Share of the mean of the Hessian's diagonal that is
            added to it. (default: :obj:`0.01`)

    Raises:
        CompressionError: If a value is out of range, or options exclude one another.
        UnknownNameError: If there is no such allocation.
    """

    method: ClassVar[str] = "sparsegpt"

    block_size: int = 128
    damping: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.block_size < 1:
            raise CompressionError(
                f"'block_size' must be positive (got {self.block_size})"
            )
        if not 0.0 <= self.damping <= 1.0:
            raise CompressionError(
                f"'damping' must be in [0, 1] (got {self.damping:g})"
            )


def sparsegpt_(
    weight: Tensor,
    hessian: Tensor,
    ratio: float | None = None,
    pattern: tuple[int, int] | None = None,
    block_size: int = 128,
    damping: float = 0.01,
) -> Tensor:
    r"""Prunes a weight in place, see :class:`SparseGPT`.

    Args:
        weight (Tensor): :math:`(m, n)`, floating point.
        hessian (Tensor): :math:`\mathbf{X}^{\top} \mathbf{X}`, of shape
            :math:`(n, n)`.
        ratio (float, optional): Share that is removed; or
        pattern (tuple[int, int], optional): ``(keep, of)``. A rest that fills no group
            stays, though corrected.
        block_size (int, optional): Columns of which the mask is chosen at a time; with
            a pattern, whole groups. (default: :obj:`128`)
        damping (float, optional): See
            :func:`~graphllm.compress.prune.inverse_factor`. (default: :obj:`0.01`)

    Returns:
        Tensor: ``weight``.

    Raises:
        CompressionError: If the Hessian cannot be inverted.
    """
    factor = inverse_factor(hessian, damping)
    return _prune_(weight, factor, hessian.diagonal() == 0, ratio, pattern, block_size)


def _prune_(
    weight: Tensor,
    factor: Tensor,
    silent: Tensor,
    ratio: float | None,
    pattern: tuple[int, int] | None,
    block_size: int,
) -> Tensor:
    rows, columns = weight.shape
    if pattern is not None:
        block_size = max(block_size // pattern[1], 1) * pattern[1]
    upper = factor.to(weight.dtype)
    # What is lost with a weight of column j is its square times this.
    cost = upper.diagonal().square().reciprocal().masked_fill(silent, 0.0)
    for start in range(0, columns, block_size):
        end = min(start + block_size, columns)
        count = 0
        if ratio is not None:
            count = removed(ratio, rows * end) - removed(ratio, rows * start)
        part = upper[start:end, start:end]
        errors = _prune_columns_(
            weight[:, start:end], part, cost[start:end], count, pattern
        )
        weight[:, end:] -= errors @ upper[start:end, end:]
    return weight


def _prune_columns_(
    weight: Tensor,
    upper: Tensor,
    cost: Tensor,
    count: int,
    pattern: tuple[int, int] | None,
) -> Tensor:
    # Prunes some columns; returns their errors, divided by the diagonal of `upper`.
    errors = torch.zeros_like(weight)
    gone = torch.zeros_like(weight, dtype=torch.bool)
    if pattern is None:
        scores = weight.square() * cost
        gone = smallest(scores.reshape(1, -1), count).view_as(weight)
    for column in range(weight.size(1)):
        if pattern is not None and column % pattern[1] == 0:
            # Chosen here and not before: the columns so far have changed the group.
            group = slice(column, column + pattern[1])
            gone[:, group] = ~nm_mask(weight[:, group].square() * cost[group], *pattern)
        lost = weight[:, column] * gone[:, column] / upper[column, column]
        weight[:, column:] -= torch.outer(lost, upper[column, column:])
        weight[:, column].masked_fill_(gone[:, column], 0.0)
        errors[:, column] = lost
    return errors


def apply(
    model: nn.Module,
    config: SparseGPT,
    calibration: Calibration | None = None,
    progress: Progress | None = None,
) -> list[LayerReport]:
    """Prune all blocks of a model in place.

    Args:
        model (PreTrainedModel): As :func:`~graphllm.compress.blocks.find_blocks` takes
            it.
        config (SparseGPT): What to do.
        calibration (Calibration): The sequences.
        progress (Callable, optional): Called with the blocks done and all blocks.
    """
    calibration = needed(calibration, config.method)
    ratios = config.block_ratios(model, calibration)
    paths = block_names(model)
    report = []

    def visit(index: int, block: nn.Module, stats: dict[str, InputStats]) -> None:
        factors: dict[int, Tensor] = {}  # of layers that read the same inputs
        for name, linear in linears(block).items():
            inputs = stats[name]
            if id(inputs) not in factors:
                factors[id(inputs)] = inverse_factor(inputs.hessian, config.damping)
            ratio = None if config.group is not None else ratios[index]
            weight = _prune_(
                weight_of(linear).to(torch.float32, copy=True),
                factors[id(inputs)],
                inputs.hessian.diagonal() == 0,
                ratio,
                config.group,
                config.block_size,
            )
            path = f"{paths[index]}.{name}"
            report.append(replace_weight(path, linear, weight, inputs))

    walk_blocks(model, calibration, visit, which=("hessian",), progress=progress)
    return report
