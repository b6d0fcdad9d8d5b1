"""Layers of torchao in the blocks of a model (extra ``quant``)."""

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import nn

from graphllm._optional import require
from graphllm.compress.base import LayerReport
from graphllm.compress.blocks import block_names, find_blocks, linears, weight_of
from graphllm.errors import CompressionError, UnknownNameError

Backend = Literal["graphllm", "torchao"]
BACKENDS = ("graphllm", "torchao")


def check_backend(backend: str) -> None:
    """Refuse a backend that is neither ``"graphllm"`` nor ``"torchao"``.

    Raises:
        UnknownNameError: If it is another.
    """
    if backend not in BACKENDS:
        raise UnknownNameError("backend", backend, BACKENDS)


@torch.no_grad()
def apply_torchao(
    model: nn.Module,
    how: Callable[[Any, set[int]], Any],
    bits: int = 8,
    group_size: int | None = None,
) -> list[LayerReport]:
    """Replace the linear layers of all blocks by torchao's, in place.

    Args:
        model (PreTrainedModel): The model.
        how (Callable): From ``torchao.quantization`` and the numbers of columns that
            occur to a configuration of torchao.
        bits (int, optional): Bits of a weight, for the report. (default: :obj:`8`)
        group_size (int, optional): Columns that share a scale. (default: whole rows)

    Raises:
        MissingExtraError: If torchao is not installed.
        CompressionError: If no layer is a :class:`torch.nn.Linear`.
    """
    torchao = require("torchao.quantization", "quant", "backend='torchao'")
    found = {
        f"{path}.{name}": weight_of(linear)
        for path, block in zip(block_names(model), find_blocks(model), strict=True)
        for name, linear in linears(block).items()
        if isinstance(linear, nn.Linear)
    }
    if not found:
        raise CompressionError(
            "torchao knows torch.nn.Linear only, and the blocks of "
            f"'{type(model).__name__}' have none; use backend='graphllm'"
        )
    config = how(torchao, {each.size(1) for each in found.values()})
    torchao.quantize_(model, config, filter_fn=lambda _, name: name in found)
    return [
        LayerReport(
            path,
            each.numel(),
            each.numel(),
            bits=bits + 16 / (group_size or each.size(1)),
        )
        for path, each in found.items()
    ]
