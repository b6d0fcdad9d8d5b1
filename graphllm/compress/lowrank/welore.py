"""WeLore: ranks by one threshold on all singular values."""

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
from graphllm.compress.lowrank.factorize import spectrum
from graphllm.compress.lowrank.ranks import Objective, check_objective, welore_ranks
from graphllm.compress.lowrank.reduce import reduce_, weights


@dataclass(frozen=True)
class WeLore(CompressionConfig):
    r"""Low-rank weights, with more rank where a matrix needs it.

    From `"From Low Rank Gradient Subspace Stabilization to Low-Rank Weights"
    <https://arxiv.org/abs/2407.11239>`_ (2024). Ranks are those of
    :func:`~graphllm.compress.lowrank.welore_ranks`, from the weights alone; factors
    those of :func:`~graphllm.compress.lowrank.factorize`.

    .. note::
        A share of the rank is not a share of the weights: half of the rank of a square
        matrix saves nothing. The report counts both. The authors' script factorises
        every matrix, also where that makes it larger, and does not look at activations.
        Without ``whiten`` a small model does not survive even mild reductions.

    Args:
        ratio (float, optional): Share removed. (default: :obj:`0.3`)
        objective (str, optional): What ``ratio`` counts, ``"rank"`` as in the paper or
            ``"params"`` of the weights in blocks. (default: :obj:`"rank"`)
        whiten (bool, optional): Keep outputs on the calibration, and not weights.
            (default: :obj:`True`)
        only_lrc (bool, optional): Leave matrices as they are that keep half of their
            rank or more. (default: :obj:`True`)

    Raises:
        CompressionError: If ``ratio`` is not inside of (0, 1).
        UnknownNameError: If the objective is unknown.
    """

    method: ClassVar[str] = "welore"

    ratio: float = 0.3
    objective: Objective = "rank"
    whiten: bool = True
    only_lrc: bool = True

    def __post_init__(self) -> None:
        check_ratio(self.ratio)
        check_objective(self.objective)


def apply(
    model: nn.Module,
    config: WeLore,
    calibration: Calibration | None = None,
    progress: Progress | None = None,
) -> list[LayerReport]:
    """Lower the rank of the weights of a model, in place.

    Args:
        model (PreTrainedModel): The model.
        config (WeLore): How.
        calibration (Calibration, optional): Needed with ``whiten``, else not read.
        progress (Callable, optional): Called with the blocks done and all blocks.

    Raises:
        CompressionError: If the calibration is missing.
    """
    text = needed(calibration, config.method) if config.whiten else None
    found = {key: weight_of(linear) for key, linear in weights(model).items()}
    ranks = welore_ranks(
        [spectrum(each).cpu() for each in found.values()],
        [(each.size(0), each.size(1)) for each in found.values()],
        config.ratio,
        config.objective,
        config.only_lrc,
    )
    return reduce_(model, dict(zip(found, ranks, strict=True)), text, progress)
