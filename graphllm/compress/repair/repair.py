"""A short training after compression that keeps what compression made."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from graphllm.compress.base import Progress
from graphllm.compress.blocks import find_blocks
from graphllm.compress.calibration import Calibration
from graphllm.compress.lowrank.linear import LowRankLinear
from graphllm.compress.prune.config import PRUNING
from graphllm.compress.repair.adapter import add_adapters, merge_adapters
from graphllm.compress.repair.loss import repair_loss
from graphllm.compress.walk import evaluating
from graphllm.errors import CompressionError
from graphllm.seed import generator

Method = Literal["lora", "low_rank", "sparse_lora"]


@dataclass(frozen=True)
class RepairReport:
    """What a repair did.

    Args:
        method (str): As given.
        trained (int): Parameters that were trained.
        losses (list[float]): Loss of each step, before it.
        seconds (float): Time it took.
    """

    method: str
    trained: int
    losses: list[float]
    seconds: float


def repair_(
    model: Any,
    calibration: Calibration,
    method: Method = "sparse_lora",
    *,
    steps: int = 100,
    lr: float = 1e-4,
    batch_size: int = 4,
    rank: int = 8,
    alpha: float = 16.0,
    teacher: Any = None,
    kl_weight: float = 0.1,
    seed: int = 0,
    progress: Progress | None = None,
) -> RepairReport:
    r"""Train a compressed model for a while, in place.

    ================= ==========================================================
    ``"sparse_lora"`` masked adapters, merged at the end: zeros stay zeros
                      (:class:`~graphllm.compress.repair.LoraLinear`)
    ``"lora"``        adapters without mask, merged: for models without zeros
    ``"low_rank"``    the factors of low rank alone, as WeLore does it: the matrices
                      that stayed dense do not move
    ================= ==========================================================

    AdamW without weight decay, learning rate falling to a tenth by a cosine, gradients
    clipped to norm one, no dropout. Steps are taken in ``float32`` whatever the model's
    type, in which most of them would be lost. Shapes, types and the classes of all
    modules are the same after as before. A failed training leaves the weights of its
    last step.

    Args:
        model (PreTrainedModel): The model.
        calibration (Calibration): Sequences to train on.
        method (str, optional): As in the table. (default: :obj:`"sparse_lora"`)
        steps (int, optional): Steps. (default: :obj:`100`)
        lr (float, optional): Learning rate. (default: :obj:`1e-4`)
        batch_size (int, optional): Sequences a step, drawn anew each time all have
            been used. (default: :obj:`4`)
        rank (int, optional): Rank of adapters. (default: :obj:`8`)
        alpha (float, optional): Their :math:`\alpha`. (default: :obj:`16.0`)
        teacher (PreTrainedModel, optional): The dense model, to learn from.
        kl_weight (float, optional): Weight of the teacher,
            :func:`~graphllm.compress.repair.loss.repair_loss`.
            (default: :obj:`0.1`)
        seed (int, optional): Seed of batches and adapters. (default: :obj:`0`)
        progress (Callable, optional): Called with the steps done and all steps.

    Returns:
        RepairReport: Loss of each step.

    Raises:
        CompressionError: If an option is out of range, there is nothing to train, the
            training would undo the compression, or the loss is no longer finite.
    """
    if method not in get_args(Method):
        known = ", ".join(get_args(Method))
        raise CompressionError(f"unknown repair '{method}'; take one of {known}")
    if min(steps, batch_size) < 1 or not lr > 0:
        raise CompressionError(
            "'steps', 'batch_size' and 'lr' must be positive "
            f"(got {steps}, {batch_size} and {lr:g})"
        )
    _check_keeps(model, method)
    started = time.perf_counter()
    random = generator(seed)
    with _frozen(model, teacher):
        if method == "low_rank":
            trained = _factors(model)
        else:
            masked = method == "sparse_lora"
            trained = add_adapters(model, rank, alpha, masked, random)
        try:
            losses = []
            batches = _batches(calibration.input_ids, batch_size, random)
            optimizer = _Optimizer(trained)
            for step in range(steps):
                ids = next(batches).to(model.device)
                loss = repair_loss(model, ids, teacher, kl_weight)
                losses.append(_finite(loss, step))
                loss.backward()
                _clip(trained, step)
                optimizer.step(lr * _decay(step / steps))
                if progress is not None:
                    progress(step + 1, steps)
        finally:
            merge_adapters(model)
    count = sum(each.numel() for each in trained)
    return RepairReport(method, count, losses, time.perf_counter() - started)


class _Optimizer:
    """AdamW on copies in ``float32``, which ``float32`` weights share."""

    def __init__(self, weights: list[nn.Parameter]) -> None:
        self.weights = weights
        self.copies = [each.detach().float().requires_grad_() for each in weights]
        self.adam = torch.optim.AdamW(self.copies, weight_decay=0.0)

    def step(self, lr: float) -> None:
        """Use the gradients of the weights up."""
        for weight, copy in zip(self.weights, self.copies, strict=True):
            if weight.grad is not None:
                copy.grad = weight.grad.float()
            weight.grad = None
        self.adam.param_groups[0]["lr"] = lr
        self.adam.step()
        with torch.no_grad():
            for weight, copy in zip(self.weights, self.copies, strict=True):
                weight.copy_(copy)


def _check_keeps(model: Any, method: str) -> None:
    """Refuse adapters that would be merged over what a compression made."""
    done = {each["method"] for each in getattr(model, "compression", [])}
    rounded = sorted(done & {"rtn", "gptq", "awq"})
    if rounded and method != "low_rank":
        raise CompressionError(
            f"adapters would be merged over the grid of {rounded[0]}; repair first, "
            "and quantise after"
        )
    pruned = sorted(done & set(PRUNING))
    if pruned and method == "lora":
        raise CompressionError(
            f"'lora' would fill the zeros of {pruned[0]}; take 'sparse_lora', which "
            "keeps them"
        )


def _clip(weights: list[nn.Parameter], step: int) -> None:
    """Clip the gradients to norm one; an infinite one would make every weight NaN."""
    norm = nn.utils.clip_grad_norm_(weights, 1.0)
    if not norm.isfinite():
        raise CompressionError(
            f"the gradient of step {step + 1} is not finite; repair in float32, or "
            "with a lower 'lr'"
        )


def _factors(model: Any) -> list[nn.Parameter]:
    layers = [m for m in find_blocks(model).modules() if isinstance(m, LowRankLinear)]
    if not layers:
        raise CompressionError(
            "the model has no layer of low rank to train; reduce it by WeLore first, "
            "or repair by 'lora' or 'sparse_lora'"
        )
    model.requires_grad_(False)
    weights = [part.weight for layer in layers for part in (layer.down, layer.up)]
    for weight in weights:
        weight.requires_grad_(True)
    return [weight for weight in weights if isinstance(weight, nn.Parameter)]


def _batches(input_ids: Tensor, size: int, random: torch.Generator) -> Iterator[Tensor]:
    while True:
        order = torch.randperm(len(input_ids), generator=random)
        yield from (input_ids[rows] for rows in order.split(size))


def _decay(done: float) -> float:
    return 0.1 + 0.9 * (1 + math.cos(math.pi * done)) / 2


def _finite(loss: Tensor, step: int) -> float:
    value = float(loss.detach())
    if not math.isfinite(value):
        raise CompressionError(
            f"the loss of step {step} is {value}; lower 'lr' (and check the model)"
        )
    return value


@contextmanager
def _frozen(model: Any, teacher: Any) -> Iterator[None]:
    """Evaluation mode of both, and the model's own choice of gradients afterwards."""
    wanted = [each for each in model.parameters() if each.requires_grad]
    with evaluating(model), nullcontext() if teacher is None else evaluating(teacher):
        try:
            yield
        finally:
            model.requires_grad_(False)
            for each in wanted:
                each.requires_grad_(True)
                each.grad = None
