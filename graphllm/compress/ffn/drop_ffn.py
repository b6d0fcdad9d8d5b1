"""Blocks without their feed-forward layer; attention stays."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from graphllm.compress.base import CompressionConfig, LayerReport, Progress
from graphllm.compress.blocks import block_names, find_blocks
from graphllm.compress.calibration import Calibration, needed
from graphllm.compress.ffn.choice import check_blocks, check_choice, most_similar
from graphllm.compress.ffn.parts import feed_forward, residual_cosines


@dataclass(frozen=True)
class DropFFN(CompressionConfig):
    """Removes the feed-forward layers that turn the residual stream least.

    Their cosine is that of
    :func:`~graphllm.compress.ffn.parts.residual_cosines`. A layer that is gone adds
    nothing: what attention wrote goes on as it is. Unlike
    :class:`~graphllm.compress.ffn.FFNSkip` the weights are gone too, and no token
    keeps the layer.

    Args:
        ratio (float, optional): Share of the layers that is *removed*, at least one;
            needs a calibration.
        blocks (tuple[int, ...], optional): The blocks, instead of ``ratio``.

    Raises:
        CompressionError: If both or none is given, or one is out of range.
    """

    method: ClassVar[str] = "drop_ffn"

    ratio: float | None = None
    blocks: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "blocks", tuple(self.blocks))
        check_choice(self.blocks, self.ratio)


class NoFFN(nn.Module):
    """Stands for a feed-forward layer that was removed: nothing is added."""

    def forward(self, x: Tensor) -> Tensor:
        """Zeros of the input's shape."""
        return torch.zeros_like(x)

    def facts(self) -> dict[str, Any]:
        """What rebuilds it."""
        return {"kind": "no_ffn"}

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> "NoFFN":
        """The counterpart of :meth:`facts`."""
        return cls()


class Nothing(nn.Identity):
    """Stands for a widening layer that was removed: its input goes on."""

    def facts(self) -> dict[str, Any]:
        """What rebuilds it."""
        return {"kind": "nothing"}

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> "Nothing":
        """The counterpart of :meth:`facts`."""
        return cls()


def apply(
    model: Any,
    config: DropFFN,
    calibration: Calibration | None = None,
    progress: Progress | None = None,
) -> list[LayerReport]:
    """Remove feed-forward layers of a model, in place.

    Args:
        model (PreTrainedModel): The model.
        config (DropFFN): What to do.
        calibration (Calibration, optional): Text to measure on.
        progress (Callable, optional): Called with the blocks done and all blocks.

    Returns:
        list[LayerReport]: One for each layer that is gone.

    Raises:
        CompressionError: If a calibration is missing, or a block does not exist.
    """
    blocks = find_blocks(model)
    count = len(blocks)
    if config.ratio is None:
        gone = list(check_blocks(config.blocks, count))
    else:
        ids = needed(calibration, "drop_ffn").input_ids
        gone = most_similar(residual_cosines(model, ids), config.ratio, range(count))
    names = block_names(model)
    reports = []
    for index in gone:
        block = blocks[index]
        part = feed_forward(block)
        size = sum(
            parameter.numel()
            for layer in (*part.entries.values(), part.down)
            for parameter in layer.parameters()
        )
        reports.append(LayerReport(f"{names[index]}.{part.place or 'ffn'}", size, 0))
        if part.module is not None:
            block.set_submodule(part.place, NoFFN())
        else:  # OPT: the parts are the block's own
            for name in part.entries:
                block.set_submodule(name, Nothing())
            block.set_submodule(part.exit, NoFFN())
    if progress is not None:
        progress(count, count)
    return reports
