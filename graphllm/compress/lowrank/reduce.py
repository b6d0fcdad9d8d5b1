"""Putting factors into a model in place of its weights, and back."""

from collections.abc import Mapping

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from graphllm.compress.base import LayerReport, Progress
from graphllm.compress.blocks import (
    Linear,
    block_names,
    find_blocks,
    linears,
    set_weight,
    weight_of,
)
from graphllm.compress.calibration import Calibration
from graphllm.compress.lowrank.factorize import factorize
from graphllm.compress.lowrank.linear import LowRankLinear
from graphllm.compress.lowrank.ranks import kept_weights, saves
from graphllm.compress.stats import InputStats, weight_error
from graphllm.compress.walk import walk_blocks

Key = tuple[int, str]


def weights(model: nn.Module) -> dict[Key, Linear]:
    """Every projection of every block, by block and name."""
    return {
        (index, name): linear
        for index, block in enumerate(find_blocks(model))
        for name, linear in linears(block).items()
    }


@torch.no_grad()
def reduce_(
    model: nn.Module,
    ranks: Mapping[Key, int],
    calibration: Calibration | None = None,
    progress: Progress | None = None,
) -> list[LayerReport]:
    """Lower the rank of the weights of a model.

    A matrix becomes a :class:`~graphllm.compress.lowrank.LowRankLinear` where that
    holds fewer weights; where it does not, the product is stored instead. Matrices of
    full rank are not touched.

    Args:
        model (PreTrainedModel): The model, changed in place.
        ranks (Mapping): Rank of each matrix, by index of its block and name in it.
        calibration (Calibration, optional): Text on which outputs are to stay the
            same. (default: none, and the weights are)
        progress (Callable, optional): Called with the blocks done and all blocks.

    Returns:
        list[LayerReport]: One for each matrix.
    """
    reports: list[LayerReport] = []
    paths = block_names(model)
    full = {key: min(weight_of(each).shape) for key, each in weights(model).items()}

    def visit(index: int, block: nn.Module, stats: dict[str, InputStats]) -> None:
        for name, linear in linears(block).items():
            rank = ranks[index, name]
            path = f"{paths[index]}.{name}"
            if rank < full[index, name]:
                reports.append(_replace(block, name, path, rank, stats.get(name)))
            else:
                size = weight_of(linear).numel()
                reports.append(LayerReport(path, size, size, rank=rank, error=0.0))

    if calibration is not None:
        names = {name for (i, name), rank in ranks.items() if rank < full[i, name]}
        walk_blocks(
            model,
            calibration,
            visit,
            names=names,
            which=("hessian",),
            progress=progress,
        )
        return reports
    blocks = find_blocks(model)
    for index, block in enumerate(blocks):
        visit(index, block, {})
        if progress is not None:
            progress(index + 1, len(blocks))
    return reports


def _replace(
    block: nn.Module, name: str, path: str, rank: int, stats: InputStats | None
) -> LayerReport:
    linear = linears(block)[name]
    # A copy: set_weight writes into what weight_of shows.
    weight = weight_of(linear).clone()
    up, down = factorize(weight, rank, stats.hessian if stats else None)
    product = up @ down
    error = stats.error(weight, product) if stats else weight_error(weight, product)
    shape = (weight.size(0), weight.size(1))
    if saves(rank, shape):
        transposed = isinstance(linear, Conv1D)
        factors = LowRankLinear.from_factors(up, down, linear.bias, transposed)
        block.set_submodule(name, factors)
    else:
        set_weight(linear, product)
    kept = kept_weights(rank, shape)
    return LayerReport(path, weight.numel(), kept, rank=rank, error=error)


def merge(model: nn.Module) -> nn.Module:
    """Multiply the factors of every low-rank layer into a plain one.

    The model computes the same up to rounding, and any program reads it again, at its
    old size.

    Args:
        model (torch.nn.Module): Changed in place.

    Returns:
        torch.nn.Module: The same model.
    """
    found = [
        (name, each)
        for name, each in model.named_modules()
        if isinstance(each, LowRankLinear)
    ]
    for name, layer in found:
        model.set_submodule(name, layer.to_dense())
    return model
