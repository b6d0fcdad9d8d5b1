"""Wanda: pruning by weights and activations."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from graphllm.compress.base import LayerReport, Progress
from graphllm.compress.blocks import block_names, linears, weight_of
from graphllm.compress.calibration import Calibration, needed
from graphllm.compress.prune.config import PruningConfig
from graphllm.compress.prune.layer import replace_weight
from graphllm.compress.prune.pattern import nm_mask
from graphllm.compress.prune.smallest import removed, smallest
from graphllm.compress.stats import InputStats
from graphllm.compress.walk import walk_blocks
from graphllm.errors import CompressionError


@dataclass(frozen=True)
class Wanda(PruningConfig):
    r"""Removes the weights of smallest product of weight and input norm.

    From `"A Simple and Effective Pruning Approach for Large Language Models"
    <https://arxiv.org/abs/2306.11695>`_ (ICLR 2024):

    .. math::
        S_{ij} = |W_{ij}| \cdot \lVert \mathbf{x}_j \rVert_2

    Of each row, that is each output, :math:`\lfloor ratio \cdot n \rfloor` weights
    become zero; others are not changed. Each block is calibrated on what the pruned
    blocks before it give.

    .. note::
        The authors' threshold removes all weights that are equal to it; here counts
        are exact, of equal scores the first go.

    Args:
        ratio (float, optional): Share that is removed.
        pattern (str, optional): ``"2:4"`` *keeps* 2 of every 4 consecutive inputs.
        allocate (Allocation or str, optional): Ratio of each block.
            (default: :obj:`"uniform"`)
        variant (bool, optional): Let the number differ between rows, so that each
            loses about the same part of its summed scores. (default: :obj:`False`)

    Raises:
        CompressionError: If a value is out of range, or options exclude one another.
        UnknownNameError: If there is no such allocation.
    """

    method: ClassVar[str] = "wanda"

    variant: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.variant and self.pattern is not None:
            raise CompressionError("'variant' does not go with a 'pattern'")


def wanda_mask(
    weight: Tensor, norm: Tensor, ratio: float, variant: bool = False
) -> Tensor:
    r"""Which weights stay when those of the smallest scores go.

    In the variant, let :math:`c_{ij}` be the part of row :math:`i`'s summed scores that
    is reached at :math:`j` when they are sorted upwards. The weights of smallest
    :math:`c_{ij}` of the matrix go. The authors search a bound on :math:`c_{ij}` by
    bisection; sorting meets the ratio exactly.

    Args:
        weight (Tensor): :math:`(m, n)`.
        norm (Tensor): Norm of each input, of shape :math:`(n)`.
        ratio (float): Share that is removed.
        variant (bool, optional): See above. (default: :obj:`False`)

    Returns:
        Tensor: :math:`(m, n)` ``bool``, true where a weight stays.
    """
    scores = weight_scores(weight, norm)
    if not variant:
        return ~smallest(scores, removed(ratio, weight.size(1)))
    ordered, order = scores.sort(dim=-1, stable=True)
    reached = ordered.cumsum(-1)
    parts = reached / reached[:, -1:].clamp(min=1e-300)
    gone = smallest(parts.view(1, -1), removed(ratio, weight.numel())).view_as(parts)
    return ~gone.new_zeros(gone.shape).scatter_(-1, order, gone)


def weight_scores(weight: Tensor, norm: Tensor) -> Tensor:
    r""":math:`S_{ij} = |W_{ij}| \lVert \mathbf{x}_j \rVert_2` in the norm's dtype.

    Args:
        weight (Tensor): :math:`(m, n)`.
        norm (Tensor): :math:`(n)`.
    """
    return weight.to(norm.dtype).abs() * norm


def apply(
    model: nn.Module,
    config: Wanda,
    calibration: Calibration | None = None,
    progress: Progress | None = None,
) -> list[LayerReport]:
    """Prune all blocks of a model in place.

    Args:
        model (PreTrainedModel): As :func:`~graphllm.compress.blocks.find_blocks` takes
            it.
        config (Wanda): What to do.
        calibration (Calibration): The sequences.
        progress (Callable, optional): Called with the blocks done and all blocks.
    """
    calibration = needed(calibration, config.method)
    ratios = config.block_ratios(model, calibration)
    paths = block_names(model)
    report = []

    def visit(index: int, block: nn.Module, stats: dict[str, InputStats]) -> None:
        for name, linear in linears(block).items():
            weight, inputs = weight_of(linear), stats[name]
            if config.group is not None:
                stays = nm_mask(weight_scores(weight, inputs.norm), *config.group)
            else:
                stays = wanda_mask(weight, inputs.norm, ratios[index], config.variant)
            path = f"{paths[index]}.{name}"
            report.append(
                replace_weight(path, linear, weight.where(stays, 0.0), inputs)
            )

    walk_blocks(model, calibration, visit, progress=progress)
    return report
