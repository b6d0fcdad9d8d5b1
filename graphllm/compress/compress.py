"""One call that compresses a language model by any method."""

import time
from collections.abc import Callable
from functools import singledispatch
from typing import Any

import torch
from torch import nn

from graphllm.compress.base import (
    CompressionConfig,
    LayerReport,
    Progress,
    Report,
    count_bytes,
)
from graphllm.compress.blocks import find_blocks
from graphllm.compress.calibration import Calibration
from graphllm.compress.count import count_kept, count_parameters
from graphllm.compress.ffn import (
    DropBlocks,
    DropFFN,
    FFNSkip,
    FFNWidth,
    drop_blocks,
    drop_ffn,
    skip,
    width,
)
from graphllm.compress.lowrank import UniformSVD, WeLore, uniform, welore
from graphllm.compress.prune import (
    Magnitude,
    SparseGPT,
    Wanda,
    magnitude,
    sparsegpt,
    wanda,
)
from graphllm.compress.prune.config import PRUNING
from graphllm.compress.quant import (
    RTN,
    DynamicInt8,
    Int4,
    Int8,
    dynamic,
    methods,
    weight_only,
)
from graphllm.errors import CompressionError


def compress_(
    model: Any,
    config: CompressionConfig,
    calibration: Calibration | None = None,
    *,
    progress: Progress | None = None,
) -> Report:
    """Compress a decoder in place by the method of a configuration.

    ``model.compression`` becomes the list of all configurations that were applied, the
    latest last. If the call fails half way, the model is left half compressed.

    Args:
        model (PreTrainedModel): A decoder of the families of Llama, Qwen, Mistral,
            GPT-2, OPT or GPT-NeoX, on any device.
        config (CompressionConfig): The method and its settings.
        calibration (Calibration, optional): Sequences, for methods that need them.
        progress (Callable, optional): Called with the blocks done and all blocks.

    Returns:
        Report: What became of each layer, and of the whole.

    Raises:
        CompressionError: If the architecture is unknown, a weight is not finite, or a
            calibration is missing or does not fit.

    Example::

        calibration = Calibration.from_texts(texts, tokenizer, num_sequences=32)
        report = compress_(model, Wanda(0.5), calibration)
    """
    find_blocks(model)
    if getattr(model, "ffn_skip", None) and not isinstance(config, FFNSkip):
        raise CompressionError(
            "the model skips FFNs already, and what other methods see of it would be "
            "wrong; apply FFNSkip last"
        )
    _check_finite(model)
    started = time.perf_counter()
    parameters = count_parameters(model)
    with torch.no_grad():
        layers = _apply(config, model, calibration, progress)
    model.compression = [*getattr(model, "compression", []), config.to_dict()]
    return Report(
        config=config.to_dict(),
        layers=layers,
        parameters=parameters,
        kept_parameters=_kept(model),
        bytes=count_bytes(model),
        seconds=time.perf_counter() - started,
    )


def _kept(model: Any) -> int:
    pruned = any(each["method"] in PRUNING for each in model.compression)
    return count_kept(model) if pruned else count_parameters(model)


def _check_finite(model: nn.Module) -> None:
    for name, weight in model.named_parameters():
        if not weight.isfinite().all():
            raise CompressionError(
                f"the weight '{name}' holds values that are not finite; the model is "
                "damaged or was saved in too small a dtype"
            )


@singledispatch
def _apply(
    config: Any,
    model: nn.Module,
    calibration: Calibration | None,
    progress: Progress | None,
) -> list[LayerReport]:
    raise CompressionError(
        f"'{type(config).__name__}' is no configuration of a compression method"
    )


def _called_with_config_first(apply: Callable[..., list[LayerReport]]) -> Any:
    # What a method is chosen by comes first here, what it works on there.
    return lambda config, model, *rest: apply(model, config, *rest)


for _kind, _method in (
    (Magnitude, magnitude.apply),
    (Wanda, wanda.apply),
    (SparseGPT, sparsegpt.apply),
    (WeLore, welore.apply),
    (UniformSVD, uniform.apply),
    (RTN, methods.apply),  # GPTQ and AWQ are kinds of it
    (Int4, weight_only.apply),
    (Int8, weight_only.apply),
    (DynamicInt8, dynamic.apply),
    (FFNWidth, width.apply),
    (DropBlocks, drop_blocks.apply),
    (DropFFN, drop_ffn.apply),
    (FFNSkip, skip.apply),
):
    _apply.register(_kind, _called_with_config_first(_method))
