"""The same share of rank from every matrix: the control for WeLore."""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from graphllm.compress.base import (
    CompressionConfig,
    LayerReport,
    Progress,
    check_ratio,
)
from graphllm.compress.blocks import weight_of
from graphllm.compress.calibration import Calibration, needed
from graphllm.compress.lowrank.ranks import Objective, check_objective, uniform_ranks
from graphllm.compress.lowrank.reduce import reduce_, weights


@dataclass(frozen=True)
class UniformSVD(CompressionConfig):
    """Low-rank weights, with the same share removed from every matrix.

    Args:
        ratio (float, optional): Share removed. (default: :obj:`0.3`)
        objective (str, optional): What ``ratio`` counts, ``"rank"`` or ``"params"``.
            (default: :obj:`"rank"`)
        whiten (bool, optional): Keep outputs on the calibration, and not weights.
            (default: :obj:`False`)

    Raises:
        CompressionError: If ``ratio`` is not inside of (0, 1).
        UnknownNameError: If the objective is unknown.
    """

    method: ClassVar[str] = "uniform_svd"

    ratio: float = 0.3
    objective: Objective = "rank"
    whiten: bool = False

    def __post_init__(self) -> None:
        check_ratio(self.ratio)
        check_objective(self.objective)


def apply(
    model: nn.Module,
    config: UniformSVD,
    calibration: Calibration | None = None,
    progress: Progress | None = None,
) -> list[LayerReport]:
    """Lower the rank of the weights of a model, in place.

    Args:
        model (PreTrainedModel): The model.
        config (UniformSVD): How.
        calibration (Calibration, optional): Needed with ``whiten``, else not read.
        progress (Callable, optional): Called with the blocks done and all blocks.

    Raises:
        CompressionError: If the calibration is missing.
    """
    text = needed(calibration, config.method) if config.whiten else None
    found = {key: weight_of(linear) for key, linear in weights(model).items()}
    ranks = uniform_ranks(
        [(each.size(0), each.size(1)) for each in found.values()],
        config.ratio,
        config.objective,
    )
    return reduce_(model, dict(zip(found, ranks, strict=True)), text, progress)
