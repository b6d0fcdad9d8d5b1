"""What networks compute before their weights differ, found by running two of them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
import torch_geometric.nn as pyg
from torch import Tensor, nn
from torch.func import functional_call

from graphllm.seed import generator
from graphllm.soup import StateDict


class Call(NamedTuple):
    """One call of a module.

    Args:
        args (tuple): What it was called with, features first.
        kwargs (dict): What it was called with by name.
        output (Tensor): What it returned.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    output: Tensor


def first_layers(
    model: nn.Module, inputs: tuple[Tensor, ...], state: StateDict
) -> list[str]:
    r"""Modules that are linear in their weights and read what no weight has touched.

    The output of such a module, of a mixture of networks, is the mixture of its
    outputs:

    .. math::
        f \Bigl( \mathbf{X}; \sum_k w_k \boldsymbol{\theta}_k \Bigr)
        = \sum_k w_k f(\mathbf{X}; \boldsymbol{\theta}_k), \qquad \sum_k w_k = 1

    which holds for linear layers and the convolutions of GCN, SGC and GraphSAGE. Which
    of them read weight-free input is seen from two runs with different weights.

    Args:
        model (torch.nn.Module): In evaluation mode.
        inputs (tuple[Tensor, ...]): What it is called with, features first.
        state (StateDict): Any weights.

    Returns:
        list[str]: Names, none inside another.
    """
    names = [name for name, module in model.named_modules() if _is_linear(module)]
    random = generator(0)
    learned = dict(model.named_parameters())
    moved = {
        name: each + torch.randn(each.shape, generator=random).to(each)
        if name in learned
        else each
        for name, each in state.items()
    }
    one = calls_of(model, inputs, names, state)
    other = calls_of(model, inputs, names, moved)
    found: list[str] = []
    for name in names:
        inside = any(name.startswith(f"{outer}.") for outer in found)
        once = len(one[name]) == len(other[name]) == 1
        if once and not inside:
            if torch.equal(one[name][0].args[0], other[name][0].args[0]):
                found.append(name)
    return found


@torch.no_grad()
def calls_of(
    model: nn.Module,
    inputs: tuple[Tensor, ...],
    names: Sequence[str],
    state: Mapping[str, Tensor],
) -> dict[str, list[Call]]:
    """What some modules read and returned in one run; the last entry is the network.

    Args:
        model (torch.nn.Module): In evaluation mode.
        inputs (tuple[Tensor, ...]): What it is called with, features first.
        names (Sequence[str]): Its modules to listen to.
        state (Mapping[str, Tensor]): Weights.

    Returns:
        dict[str, list[Call]]: The calls of each module, and of the network under
        ``""``.
    """
    calls: dict[str, list[Call]] = {name: [] for name in names}

    def listen(name: str) -> Any:
        def hook(module: nn.Module, args: Any, kwargs: Any, output: Tensor) -> None:
            calls[name].append(Call(args, kwargs, output))

        return hook

    handles = [
        model.get_submodule(name).register_forward_hook(listen(name), with_kwargs=True)
        for name in calls
    ]
    try:
        out = functional_call(model, dict(state), inputs)
    finally:
        for handle in handles:
            handle.remove()
    return {**calls, "": [Call(inputs, {}, out)]}


@torch.no_grad()
def output_of(
    model: nn.Module, name: str, call: Call, state: Mapping[str, Tensor]
) -> Tensor:
    """What a module returns for the same arguments with other weights.

    Args:
        model (torch.nn.Module): In evaluation mode.
        name (str): The module.
        call (Call): What it is called with.
        state (Mapping[str, Tensor]): Weights of the whole network.
    """
    inside = f"{name}."
    own = {
        each.removeprefix(inside): tensor
        for each, tensor in state.items()
        if each.startswith(inside)
    }
    out: Tensor = functional_call(
        model.get_submodule(name), own, call.args, call.kwargs
    )
    return out


def _is_linear(module: nn.Module) -> bool:
    """Whether it is linear in its weights, at fixed input."""
    if isinstance(module, pyg.SAGEConv):
        return module.aggr in ("mean", "sum", "add") and not (
            module.project or module.normalize
        )
    return isinstance(module, nn.Linear | pyg.Linear | pyg.GCNConv | pyg.SGConv)
