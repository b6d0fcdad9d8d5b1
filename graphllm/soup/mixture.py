"""A network whose weights are a differentiable mixture of several."""

import re
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from graphllm.soup.state import StateDict, bare_names, is_mixed, tied, widened

Per = Literal["model", "layer", "tensor"]
# Called like the network itself.
Network = Callable[..., Tensor]


class _Stack(NamedTuple):
    names: list[str]
    tensors: Tensor
    dtype: torch.dtype
    learned: bool


class Mixture:
    r"""Mixes ingredients by shares that gradients flow to.

    .. math::
        \boldsymbol{\theta}^{(g)} = \sum_{k=1}^K w_{k g} \boldsymbol{\theta}_k^{(g)}

    The network itself is only read. Its buffers are mixed too, without gradient: torch
    has none through the running statistics of BatchNorm. Memory is that of all
    ingredients, in at least ``float32``.

    Args:
        model (torch.nn.Module): The network.
        states (Sequence[StateDict]): The ingredients, with its names and shapes.
        columns (dict[str, int]): Group of every tensor, from :func:`columns_of`.
    """

    def __init__(
        self, model: nn.Module, states: Sequence[StateDict], columns: dict[str, int]
    ) -> None:
        own = model.state_dict()
        learned = {name for name, _ in model.named_parameters(remove_duplicate=False)}
        self.model = model
        self.columns = columns
        self.stacks: list[_Stack] = []
        self.copied: dict[str, Tensor] = {}
        for names in tied([own]):
            like = own[names[0]]
            if not is_mixed(like):
                first = states[0][names[0]].to(like.device)
                self.copied |= dict.fromkeys(names, first)
                continue
            tensors = torch.stack([widened(state[names[0]], like) for state in states])
            self.stacks.append(_Stack(names, tensors, like.dtype, names[0] in learned))

    def network(self, weights: Tensor) -> Network:
        """The network with the mixture as its weights.

        Args:
            weights (Tensor): :math:`(K, G)`, shares.

        Returns:
            Callable: Takes what the network takes.
        """
        # Fresh tensors: BatchNorm in training mode writes to the buffers it is given.
        state = {name: tensor.clone() for name, tensor in self.copied.items()}
        for names, tensors, dtype, learned in self.stacks:
            shares = weights[:, self.columns[names[0]]].to(tensors.dtype)
            mixed = torch.tensordot(shares, tensors, dims=1).to(dtype)
            state |= dict.fromkeys(names, mixed if learned else mixed.detach())

        def call(*args: object, **kwargs: object) -> Tensor:
            result: Tensor = functional_call(self.model, state, args, kwargs)
            return result

        return call


def columns_of(model: nn.Module, per: Per) -> dict[str, int]:
    """Which tensors share their weights in a learned soup.

    A layer is the name up to its first number (``convs.0`` of ``convs.0.lin.weight``),
    or up to its first dot where there is none. Tied parameters go with the first.
    Buffers have no gradient: they go with their layer, else with the parameter before.

    Args:
        model (torch.nn.Module): The network.
        per (str): ``"model"``, ``"layer"`` or ``"tensor"``.

    Returns:
        dict[str, int]: Number of the group, counted from zero, of every tensor that
        is mixed.
    """
    state = model.state_dict()
    plain = {name: bare for bare, name in bare_names(state).items()}
    learned = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    groups: dict[str, int] = {}
    columns: dict[str, int] = {}
    last = 0
    for names in tied([state]):
        name = plain[names[0]]
        if not is_mixed(state[names[0]]):
            continue
        key = {"model": "", "layer": _layer(name), "tensor": name}[per]
        if names[0] in learned:
            last = groups.setdefault(key, len(groups))
        columns |= dict.fromkeys(names, groups.get(key, last))
    return columns


def _layer(name: str) -> str:
    found = re.match(r"(?:[^.]+\.)*?\d+(?=\.)", name)
    return found.group() if found else name.partition(".")[0]
