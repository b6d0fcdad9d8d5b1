"""BatchNorm of several networks that are run as one."""

from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphllm.experiments.ladling.products import override
from graphllm.models.propagation import NARROW


class _Normalized(torch.autograd.Function):
    # Only so that vmap can be told how. Its own rule lines up the channels of all
    # networks, which copies everything, and scales and shifts outside of the kernel.

    @staticmethod
    def forward(
        x: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        mean: Tensor | None,
        var: Tensor | None,
        training: bool,
        momentum: float,
        eps: float,
    ) -> Tensor:
        return F.batch_norm(x, mean, var, weight, bias, training, momentum, eps)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        return

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], *inputs: Any
    ) -> tuple[Tensor, int]:
        def each(tensor: Tensor | None, dim: int | None) -> list[Tensor | None]:
            if tensor is None or dim is None:
                return [tensor] * int(info.batch_size)
            return [*tensor.unbind(dim)]

        pairs = zip(inputs[:5], in_dims[:5], strict=True)
        networks = zip(*(each(*pair) for pair in pairs), strict=True)
        outs = [_Normalized.forward(*network, *inputs[5:]) for network in networks]
        return torch.stack(outs), 0


def norm_one_by_one(model: nn.Module) -> nn.Module:
    """Let BatchNorm under ``vmap`` go through the networks in turn, in place.

    Output, gradients and running statistics are what they are without. Networks of
    few channels, other devices and averages over all batches stay with torch.

    Args:
        model (torch.nn.Module): From now on only to be run under ``vmap``.

    Returns:
        torch.nn.Module: The same network.
    """
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d) and module.momentum is not None:
            override(module, "forward", partial(_forward, module))
    return model


def _forward(norm: nn.BatchNorm1d, x: Tensor) -> Tensor:
    if x.device.type != "cpu" or norm.num_features < NARROW:
        return nn.BatchNorm1d.forward(norm, x)
    if norm.training and norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
    out: Tensor = _Normalized.apply(
        x,
        norm.weight,
        norm.bias,
        norm.running_mean,
        norm.running_var,
        norm.training or norm.running_mean is None,
        norm.momentum,
        norm.eps,
    )
    return out
