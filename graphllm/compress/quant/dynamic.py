"""Linear layers that multiply in eight bits, where that does no harm."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn

from graphllm.compress.base import CompressionConfig, LayerReport, Progress
from graphllm.compress.blocks import (
    Linear,
    block_names,
    find_blocks,
    linears,
    weight_of,
)
from graphllm.compress.calibration import Calibration, needed
from graphllm.compress.quant.dynamic_linear import DynamicLinear
from graphllm.compress.quant.ends import untie
from graphllm.compress.quant.torchao import Backend, apply_torchao, check_backend
from graphllm.compress.stats import InputStats, weight_error
from graphllm.compress.walk import walk_blocks
from graphllm.errors import CompressionError


@dataclass(frozen=True)
class DynamicInt8(CompressionConfig):
    """Products in eight bits, of weights and of inputs.

    Layers become :class:`~graphllm.compress.quant.DynamicLinear`: faster on a CPU, a
    quarter of ``float32`` in the blocks. Embeddings stay as they are.

    .. note::
        Each token has its own scale. PyTorch's own dynamic quantisation has one for
        all, which the first token's massive activations make useless. ``threshold``
        is for what is left: outliers within a token.

    Args:
        threshold (float, optional): Layers stay as they are where an input on the
            calibration was this many times the mean size of a middling channel.
            (default: none)
        head (bool, optional): Also the output layer. One that was tied to the
            embeddings is a matrix of its own then, which takes memory.
            (default: :obj:`False`)
        backend (str, optional): Whose layers: ``"graphllm"``, made for CPUs, or
            ``"torchao"`` (extra ``quant``), made for ``torch.compile`` and slow
            without; those take neither ``threshold`` nor ``head`` and are not written
            by :func:`~graphllm.compress.save`. (default: :obj:`"graphllm"`)

    Raises:
        CompressionError: If ``threshold`` is not positive, or told to torchao.
        UnknownNameError: If the backend is unknown.
    """

    method: ClassVar[str] = "dynamic_int8"

    threshold: float | None = None
    head: bool = False
    backend: Backend = "graphllm"

    def __post_init__(self) -> None:
        check_backend(self.backend)
        if self.backend == "torchao" and (self.threshold is not None or self.head):
            raise CompressionError(
                "'threshold' and 'head' mean nothing to backend='torchao'; leave them "
                "out"
            )
        if self.threshold is not None and not self.threshold > 0:
            raise CompressionError(
                f"'threshold' must be positive (got {self.threshold:g})"
            )


@torch.no_grad()
def apply(
    model: Any,
    config: DynamicInt8,
    calibration: Calibration | None = None,
    progress: Progress | None = None,
) -> list[LayerReport]:
    """Replace linear layers of a model by integer ones, in place.

    Args:
        model (PreTrainedModel): The model.
        config (DynamicInt8): How.
        calibration (Calibration, optional): Needed with ``threshold``, else not read.
        progress (Callable, optional): Called with the blocks done and all blocks.

    Returns:
        list[LayerReport]: One a layer; those that stay as they are have no ``bits``.

    Raises:
        CompressionError: If the calibration is missing.
        MissingExtraError: If torchao is asked for and not installed.
    """
    if config.backend == "torchao":
        return apply_torchao(
            model, lambda torchao, _: torchao.Int8DynamicActivationInt8WeightConfig()
        )
    reports: list[LayerReport] = []
    blocks, paths = find_blocks(model), block_names(model)

    def visit(index: int, block: nn.Module, stats: dict[str, InputStats]) -> None:
        for name, linear in linears(block).items():
            path = f"{paths[index]}.{name}"
            limit = config.threshold
            if limit is not None and outlier(stats[name]) > limit:
                size = linear.weight.numel()
                reports.append(LayerReport(path, size, size, error=0.0))
            else:
                reports.append(_replace(block, name, path, linear))

    if config.threshold is not None:
        text = needed(calibration, "dynamic_int8 with a threshold")
        walk_blocks(
            model, text, visit, which=("absmax",), rerun=False, progress=progress
        )
    else:
        for index, block in enumerate(blocks):
            visit(index, block, {})
            if progress is not None:
                progress(index + 1, len(blocks))
    head = model.get_output_embeddings()
    if config.head and type(head) is nn.Linear:
        name = next(n for n, module in model.named_modules() if module is head)
        tied = head.weight is model.get_input_embeddings().weight
        reports.append(_replace(model, name, name, head))
        if tied:
            untie(model)
    return reports


def outlier(stats: InputStats) -> float:
    r"""The largest input, in mean sizes of a middling channel.

    .. math::
        \max_{t, j} |x_{tj}| \,/\, \mathrm{median}_j\, \mathrm{mean}_t\, |x_{tj}|

    Args:
        stats (InputStats): With ``"absmax"``.
    """
    return float(stats.max_abs.max() / stats.mean_abs.median().clamp(min=1e-30))


def _replace(parent: nn.Module, name: str, path: str, linear: Linear) -> LayerReport:
    weight = weight_of(linear)
    layer = DynamicLinear.from_weight(weight, linear.bias)
    parent.set_submodule(name, layer)
    size = weight.numel()
    bits = 8 + 16 * weight.size(0) / size
    error = weight_error(weight, layer.weight)
    return LayerReport(path, size, size, bits=bits, error=error)
