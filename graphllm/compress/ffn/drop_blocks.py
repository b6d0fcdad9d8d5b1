"""Fewer blocks: a shallower model."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from graphllm.compress.base import CompressionConfig, LayerReport, Progress
from graphllm.compress.blocks import block_names, find_blocks
from graphllm.compress.calibration import Calibration, needed
from graphllm.compress.count import count_parameters
from graphllm.compress.ffn.choice import (
    check_blocks,
    check_choice,
    check_cosines,
    most_similar,
)
from graphllm.compress.walk import evaluating, fitting
from graphllm.errors import CompressionError


@dataclass(frozen=True)
class DropBlocks(CompressionConfig):
    r"""Removes whole blocks, those that turn the residual stream least.

    .. math::
        \mathrm{BI}_i = 1 - \operatorname{mean}_t
        \cos(\mathbf{h}_{it}, \mathbf{h}_{i+1,t})

    is the block influence of the `"ShortGPT: Layers in Large Language Models are More
    Redundant Than You Expect" <https://arxiv.org/abs/2403.03853>`_ paper. The
    configuration counts the blocks that are left, so plain transformers loads the
    result.

    Args:
        ratio (float, optional): Share of the blocks that is *removed*, at least one;
            needs a calibration.
        blocks (tuple[int, ...], optional): The blocks, instead of ``ratio``.

    Raises:
        CompressionError: If both or none is given, or one is out of range.
    """

    method: ClassVar[str] = "drop_blocks"

    ratio: float | None = None
    blocks: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "blocks", tuple(self.blocks))
        check_choice(self.blocks, self.ratio)


def apply(
    model: Any,
    config: DropBlocks,
    calibration: Calibration | None = None,
    progress: Progress | None = None,
) -> list[LayerReport]:
    """Remove blocks of a model, in place.

    Args:
        model (PreTrainedModel): The model.
        config (DropBlocks): What to do.
        calibration (Calibration, optional): Text to measure on.
        progress (Callable, optional): Called with the blocks done and all blocks.

    Returns:
        list[LayerReport]: One for each block that is gone.

    Raises:
        CompressionError: If a calibration is missing, a block does not exist, or
            attention is scaled by the number of its block.
    """
    if getattr(model.config, "scale_attn_by_inverse_layer_idx", False):
        raise CompressionError(
            "attention of this model is scaled by the number of its block "
            "('scale_attn_by_inverse_layer_idx'), and dropping blocks would renumber "
            "them; use drop_ffn"
        )
    blocks = find_blocks(model)
    count = len(blocks)
    if config.ratio is None:
        gone = list(check_blocks(config.blocks, count))
    else:
        ids = needed(calibration, "drop_blocks").input_ids
        # The last block must leave something to choose from.
        gone = most_similar(block_cosines(model, ids), config.ratio, range(count - 1))
    names = block_names(model)
    reports = [
        LayerReport(names[index], count_parameters(blocks[index]), 0) for index in gone
    ]
    for index in reversed(gone):
        del blocks[index]
    _renumber(model, blocks, gone)
    if progress is not None:
        progress(count, count)
    return reports


@torch.no_grad()
def block_cosines(model: Any, input_ids: Tensor) -> Tensor:
    r"""Mean cosine of what enters and what leaves each block.

    Args:
        model (PreTrainedModel): A causal language model.
        input_ids (Tensor): Sequences of one length.

    Shapes:
        - **input_ids:** :math:`(N, T)`
        - **output:** one value a block
    """
    blocks = find_blocks(model)
    sums = torch.zeros(len(blocks), dtype=torch.float64)
    hooks = []
    for index, block in enumerate(blocks):

        def watch(_: nn.Module, args: Any, out: Any, index: int = index) -> None:
            after = out if isinstance(out, Tensor) else out[0]
            cosine = torch.cosine_similarity(args[0].float(), after.float(), dim=-1)
            sums[index] += cosine.double().mean().cpu()

        hooks.append(block.register_forward_hook(watch))
    try:
        with evaluating(model):
            for row in fitting(model, input_ids).split(1):
                model.base_model(input_ids=row, use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    return check_cosines(sums / input_ids.size(0))


def _renumber(model: Any, blocks: nn.ModuleList, gone: list[int]) -> None:
    config = model.config
    config.num_hidden_layers = len(blocks)
    kinds = getattr(config, "layer_types", None)
    if kinds is not None:
        config.layer_types = [k for i, k in enumerate(kinds) if i not in gone]
    for index, block in enumerate(blocks):
        for module in block.modules():
            # Where keys and values of this block are in the cache.
            if hasattr(module, "layer_idx"):
                setattr(module, "layer_idx", index)  # noqa: B010
