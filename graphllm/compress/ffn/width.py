"""Narrower feed-forward layers: smaller matrices, so less memory and more speed."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from graphllm.compress.base import (
    CompressionConfig,
    LayerReport,
    Progress,
    check_ratio,
)
from graphllm.compress.blocks import block_names, find_blocks, weight_of
from graphllm.compress.calibration import Calibration, needed
from graphllm.compress.ffn.parts import (
    feed_forward,
    narrow_,
    note_width,
    plain,
    width_of,
)
from graphllm.compress.ffn.scores import (
    activation_scores,
    damped,
    magnitude_scores,
    reconstruction_order,
    refit,
    sensitivity_scores,
)
from graphllm.compress.stats import InputStats, Statistic
from graphllm.compress.walk import walk_blocks
from graphllm.errors import CompressionError

SCORES = ("activation", "magnitude", "reconstruction", "sensitivity")


@dataclass(frozen=True)
class FFNWidth(CompressionConfig):
    r"""Removes hidden channels of every feed-forward layer.

    Each block loses the same share, the channels of least score, physically: gate, up
    and down projection become smaller, and the configuration says so, so plain
    transformers loads the result. Blocks are taken in order, each on what the narrow
    blocks before it give.

    Args:
        ratio (float): Share of the channels that is *removed*.
        score (str, optional): ``"activation"``, ``"sensitivity"``, ``"magnitude"`` or
            ``"reconstruction"``, as in :mod:`graphllm.compress.ffn.scores`; only
            ``"magnitude"`` works without a calibration, and then without ``refit``.
            (default: :obj:`"activation"`)
        multiple_of (int, optional): The width is rounded to a multiple of this; 32
            suits GGUF's blocks. (default: :obj:`1`)
        refit (bool, optional): Let the down projection make up for what is gone, by
            least squares on the calibration
            (:func:`~graphllm.compress.ffn.scores.refit`). (default: :obj:`True`)
        damping (float, optional): :math:`\lambda` of
            :func:`~graphllm.compress.ffn.scores.damped`. (default: :obj:`0.01`)

    Raises:
        CompressionError: If an option is out of range.
    """

    method: ClassVar[str] = "ffn_width"

    ratio: float
    score: Literal["activation", "magnitude", "reconstruction", "sensitivity"] = (
        "activation"
    )
    multiple_of: int = 1
    refit: bool = True
    damping: float = 0.01

    def __post_init__(self) -> None:
        check_ratio(self.ratio)
        if self.score not in SCORES:
            raise CompressionError(
                f"unknown 'score' '{self.score}'; take one of {', '.join(SCORES)}"
            )
        if self.multiple_of < 1 or not self.damping > 0:
            raise CompressionError(
                "'multiple_of' and 'damping' must be positive "
                f"(got {self.multiple_of} and {self.damping:g})"
            )

    def kept(self, width: int) -> int:
        """Channels that are kept of ``width``.

        Raises:
            CompressionError: If rounding leaves all or none.
        """
        kept = round(width * (1 - self.ratio) / self.multiple_of) * self.multiple_of
        if not 0 < kept < width:
            raise CompressionError(
                f"removing {self.ratio:g} of {width} channels in multiples of "
                f"{self.multiple_of} leaves {kept}; change 'ratio' or 'multiple_of'"
            )
        return kept


def apply(
    model: Any,
    config: FFNWidth,
    calibration: Calibration | None = None,
    progress: Progress | None = None,
) -> list[LayerReport]:
    """Narrow the feed-forward layers of a model, in place.

    Args:
        model (PreTrainedModel): The model.
        config (FFNWidth): What to do.
        calibration (Calibration, optional): Text to measure on.
        progress (Callable, optional): Called with the blocks done and all blocks.

    Returns:
        list[LayerReport]: One for each matrix; of the down projections with the error
        of the output.

    Raises:
        CompressionError: If a calibration is missing, or a layer is no dense one.
    """
    blocks = find_blocks(model)
    for block in blocks:  # before anything is changed
        config.kept(width_of(feed_forward(block)))
    reports: list[LayerReport] = []
    names = block_names(model)
    if config.score == "magnitude" and not config.refit:
        for index, block in enumerate(blocks):
            reports += _narrow(config, names[index], block, None, None)
            if progress is not None:
                progress(index + 1, len(blocks))
        note_width(model)
        return reports
    calibration = needed(calibration, "ffn_width")
    gradients = (
        sensitivity_scores(model, calibration.input_ids)
        if config.score == "sensitivity"
        else None
    )

    which: list[Statistic] = ["hessian" if _reads_hessian(config) else "norm"]

    def visit(index: int, block: nn.Module, stats: dict[str, InputStats]) -> None:
        score = gradients[index] if gradients else None
        seen = stats[feed_forward(block).exit]
        reports.extend(_narrow(config, names[index], block, seen, score))

    walk_blocks(
        model,
        calibration,
        visit,
        names={feed_forward(block).exit for block in blocks},
        which=which,
        progress=progress,
    )
    note_width(model)
    return reports


def _reads_hessian(config: FFNWidth) -> bool:
    return config.refit or config.score == "reconstruction"


@torch.no_grad()
def _narrow(
    config: FFNWidth,
    name: str,
    block: nn.Module,
    stats: InputStats | None,
    score: Tensor | None,
) -> list[LayerReport]:
    part = feed_forward(block)
    before = {path: weight_of(layer) for path, layer in plain(part).items()}
    down = before[part.exit]
    hessian = None
    if stats is not None and _reads_hessian(config):
        hessian = damped(stats.hessian, config.damping)
    keep = _choose(config, before, part.exit, stats, hessian, score)
    fitted = None
    if config.refit and hessian is not None:
        fitted = refit(down, hessian, keep)
    narrow_(part, keep, fitted)
    reports = []
    for path, layer in plain(part).items():
        after = weight_of(layer)
        report = LayerReport(f"{name}.{path}", before[path].numel(), after.numel())
        if path == part.exit and stats is not None:
            wide = torch.zeros_like(down).index_copy_(1, keep, after)
            report.error = stats.error(down, wide)
        reports.append(report)
    return reports


def _choose(
    config: FFNWidth,
    weights: dict[str, Tensor],
    exit_path: str,
    stats: InputStats | None,
    hessian: Tensor | None,
    score: Tensor | None,
) -> Tensor:
    down = weights[exit_path]
    kept = config.kept(down.size(1))
    if config.score == "reconstruction" and hessian is not None:
        gone = reconstruction_order(down, hessian, down.size(1) - kept)
        stays = torch.ones(down.size(1), dtype=torch.bool, device=down.device)
        stays[gone] = False
        return stays.nonzero().squeeze(1)
    if score is None:
        entries = [each for path, each in weights.items() if path != exit_path]
        score = (
            activation_scores(stats.norm, down)
            if config.score == "activation" and stats is not None
            else magnitude_scores(entries, down)
        )
    order = score.to(down.device).argsort(descending=True, stable=True)
    return order[:kept].sort().values
