"""Soups whose shares are learned by gradient descent."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import get_args

import torch
from torch import Tensor, nn

from graphllm.errors import GraphLLMError, UnknownNameError
from graphllm.soup.average import weighted_sum
from graphllm.soup.batchnorm import evaluating
from graphllm.soup.mixture import Mixture, Network, Per, columns_of
from graphllm.soup.result import SoupResult
from graphllm.soup.state import StateDict, alike, combine


@dataclass(frozen=True)
class LearnedSoup(SoupResult):
    """A soup with shares for each group of tensors.

    ``weights`` are :math:`(K, G)`, one column a group.

    Args:
        columns (dict[str, int]): The group of every tensor that is mixed.
        losses (tuple[float]): Loss before each step and, where all are of the same
            data, after the last.
    """

    columns: dict[str, int] = field(default_factory=dict)
    losses: tuple[float, ...] = ()


def learned_soup(
    model: nn.Module,
    state_dicts: Sequence[StateDict],
    loss: Callable[[Network], Tensor],
    steps: int = 100,
    lr: float = 0.1,
    per: Per = "layer",
    simplex: bool = True,
    batch_statistics: bool = False,
) -> LearnedSoup:
    r"""Learned soup (LS): the shares minimise a validation loss.

    From `"Enhanced Soups for Graph Neural Networks" <https://arxiv.org/abs/2503.11612>`_
    (2025). With logits :math:`a_{k l}` of ingredient :math:`k` in layer :math:`l`,

    .. math::
        \boldsymbol{\theta}^{(l)} = \sum_{k=1}^K w_{k l} \boldsymbol{\theta}_k^{(l)},
        \qquad \mathbf{w}_{\cdot l} = \mathrm{softmax}(\mathbf{a}_{\cdot l}), \qquad
        \min_{\mathbf{a}} \mathcal{L}(\boldsymbol{\theta})

    from equal shares on. The shares of the smallest loss met are returned, so that it
    is never above the uniform soup's. The network is only read; dropout is off.

    .. note::
        The authors descend by SGD with warm restarts and a step of up to 40. Here it is
        Adam, whose step does not depend on the scale of the loss.

    Args:
        model (torch.nn.Module): The network that the ingredients are weights of.
        state_dicts (Sequence[StateDict]): The ingredients.
        loss (Callable): Gets the network with mixed weights, to be called like
            :obj:`model`, and returns a scalar.
        steps (int, optional): Steps. (default: :obj:`100`)
        lr (float, optional): Their size. (default: :obj:`0.1`)
        per (str, optional): What has shares of its own: ``"layer"``, ``"tensor"``, or
            ``"model"`` for one share an ingredient. (default: :obj:`"layer"`)
        simplex (bool, optional): Whether shares are positive and sum to one; if not,
            they are the parameters themselves, and :obj:`lr` should be smaller.
            (default: :obj:`True`)
        batch_statistics (bool, optional): Whether BatchNorm normalises by what it is
            called with, as it will after
            :func:`graphllm.soup.recalibrate_batchnorm`, instead of by the mixed
            running statistics. (default: :obj:`False`)

    Returns:
        LearnedSoup: Without a score.

    Raises:
        GraphLLMError: If there is no ingredient, one does not fit the network, an
            argument is out of range, or the loss is not finite or does not depend on
            the network it gets.
    """
    trial = _Trial(model, state_dicts, per, simplex)
    _check_steps(steps, lr)
    losses: list[float] = []
    best = trial.weights().detach()
    with evaluating(model, batch_statistics), torch.enable_grad():
        optimizer = torch.optim.Adam([trial.raw], lr=lr)
        for step in range(steps + 1):
            weights = trial.weights()
            value = loss(trial.mixture.network(weights))
            losses.append(_finite(value, step))
            if losses[-1] == min(losses):
                best = weights.detach().clone()
            if step < steps:
                trial.descend(value, optimizer)
    return trial.soup(best, losses)


def partition_learned_soup(
    model: nn.Module,
    state_dicts: Sequence[StateDict],
    loss: Callable[[Network, Tensor], Tensor],
    parts: int = 32,
    parts_per_step: int = 4,
    steps: int = 100,
    lr: float = 0.1,
    per: Per = "layer",
    simplex: bool = True,
    batch_statistics: bool = False,
    *,
    generator: torch.Generator,
) -> LearnedSoup:
    r"""Partition learned soup (PLS): each step sees a few random parts of the data.

    From `"Enhanced Soups for Graph Neural Networks" <https://arxiv.org/abs/2503.11612>`_
    (2025), where the parts are those of a METIS partition, joined with the edges
    between them. Memory and time of a step are a share ``parts_per_step / parts`` of
    those of :func:`learned_soup`. Losses of different parts say nothing about each
    other, so the shares after the last step are returned.

    Args:
        model (torch.nn.Module): See :func:`learned_soup`.
        state_dicts (Sequence[StateDict]): See :func:`learned_soup`.
        loss (Callable): Gets the network with mixed weights and the ascending numbers
            of the drawn parts, and returns a scalar.
        parts (int, optional): Parts there are. (default: :obj:`32`)
        parts_per_step (int, optional): Parts drawn each step, without replacement.
            (default: :obj:`4`)
        steps (int, optional): See :func:`learned_soup`.
        lr (float, optional): See :func:`learned_soup`.
        per (str, optional): See :func:`learned_soup`.
        simplex (bool, optional): See :func:`learned_soup`.
        batch_statistics (bool, optional): See :func:`learned_soup`.
        generator (torch.Generator): Source of the draws, on the CPU.

    Returns:
        LearnedSoup: Without a score.

    Raises:
        GraphLLMError: As :func:`learned_soup`, and if ``parts_per_step`` is not in
            [1, ``parts``].
    """
    if not 1 <= parts_per_step <= parts:
        raise GraphLLMError(
            f"'parts_per_step' must be in [1, {parts}] (got {parts_per_step}); there "
            f"are {parts} parts"
        )
    trial = _Trial(model, state_dicts, per, simplex)
    _check_steps(steps, lr)
    losses: list[float] = []
    with evaluating(model, batch_statistics), torch.enable_grad():
        optimizer = torch.optim.Adam([trial.raw], lr=lr)
        for step in range(steps):
            drawn = torch.randperm(parts, generator=generator)[:parts_per_step]
            network = trial.mixture.network(trial.weights())
            value = loss(network, drawn.sort().values)
            losses.append(_finite(value, step))
            trial.descend(value, optimizer)
    return trial.soup(trial.weights().detach(), losses)


class _Trial:
    """Shares under way, and the ingredients they are of."""

    def __init__(
        self,
        model: nn.Module,
        state_dicts: Sequence[StateDict],
        per: Per,
        simplex: bool,
    ) -> None:
        if per not in get_args(Per):
            raise UnknownNameError("group of tensors", per, get_args(Per))
        own, *self.states = alike(state_dicts, model.state_dict(), "the model")
        if next(model.parameters(), None) is None:
            raise GraphLLMError("the model has no parameters; there is nothing to mix")
        self.columns = columns_of(model, per)
        self.mixture = Mixture(model, self.states, self.columns)
        self.simplex = simplex
        shape = len(self.states), max(self.columns.values()) + 1
        start = 0.0 if simplex else 1.0 / len(self.states)
        device = own[next(iter(self.columns))].device
        self.raw = torch.full(shape, start, device=device, requires_grad=True)

    def weights(self) -> Tensor:
        return self.raw.softmax(dim=0) if self.simplex else self.raw * 1.0

    def descend(self, value: Tensor, optimizer: torch.optim.Optimizer) -> None:
        gradient = None
        if value.requires_grad:
            (gradient,) = torch.autograd.grad(value, self.raw, allow_unused=True)
        if gradient is None:
            raise GraphLLMError(
                "the loss does not depend on the shares; compute it with the network "
                "that 'loss' gets, without detaching"
            )
        self.raw.grad = gradient
        optimizer.step()

    def soup(self, weights: Tensor, losses: list[float]) -> LearnedSoup:
        shares = weights.double().cpu()

        def mix(name: str, tensors: list[Tensor]) -> Tensor:
            return weighted_sum(tensors, shares[:, self.columns[name]].tolist())

        return LearnedSoup(
            combine(self.states, mix),
            shares,
            None,
            tuple(range(len(self.states))),
            evaluations=len(losses),
            columns=self.columns,
            losses=tuple(losses),
        )


def _finite(value: Tensor, step: int) -> float:
    number = float(value.detach())
    if not math.isfinite(number):
        raise GraphLLMError(
            f"the loss is {number} at step {step}; give a smaller 'lr' or look at the "
            "ingredients"
        )
    return number


def _check_steps(steps: int, lr: float) -> None:
    if steps < 1:
        raise GraphLLMError(f"'steps' must be >= 1 (got {steps})")
    if not lr > 0.0:
        raise GraphLLMError(f"'lr' must be > 0 (got {lr})")
