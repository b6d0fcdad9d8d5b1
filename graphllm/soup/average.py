"""Weighted averages of networks."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from graphllm.errors import GraphLLMError
from graphllm.soup.state import StateDict, alike, combine

_TOLERANCE = 1e-4


def average(
    state_dicts: Sequence[StateDict], weights: Sequence[float] | Tensor | None = None
) -> dict[str, Tensor]:
    r"""Averages networks of one architecture, weight by weight.

    From `"Model soups: averaging weights of multiple fine-tuned models improves
    accuracy without increasing inference time" <https://arxiv.org/abs/2203.05482>`_
    (2022):

    .. math::
        \boldsymbol{\theta} = \sum_{k=1}^K w_k \boldsymbol{\theta}_k,
        \qquad \sum_{k=1}^K w_k = 1

    Sums are taken in at least ``float32``, the result has the dtype and device of the
    first network. A network of weight zero is not read, one of weight one is returned
    bit by bit, and so is a tensor on which all agree. Tied parameters are averaged
    once and stay tied. Integer and boolean buffers are copied from the first network
    that has a weight. State dicts of ``DataParallel`` and of the bare module go
    together.

    .. note::
        Averaged BatchNorm statistics are not those of the averaged network: follow with
        :func:`graphllm.soup.recalibrate_batchnorm`. And averages of networks that were
        not trained from the same parameters are useless, see
        :func:`graphllm.soup.loss_barrier`.

    Args:
        state_dicts (Sequence[StateDict]): The networks.
        weights (Sequence[float] or Tensor, optional): One number each, with sum one;
            may be negative. (default: :math:`1 / K`)

    Returns:
        dict[str, Tensor]: New tensors.

    Raises:
        GraphLLMError: If networks differ in a name or shape, or weights in number, or
            do not sum to one.
    """
    states = alike(state_dicts)
    shares = [1 / len(states)] * len(states)
    if weights is not None:
        shares = [float(each) for each in weights]
    if len(shares) != len(states):
        raise GraphLLMError(
            f"'weights' must be one number a state dict (got {len(shares)} for "
            f"{len(states)})"
        )
    total = sum(shares)
    if not abs(total - 1.0) <= _TOLERANCE:
        raise GraphLLMError(
            f"'weights' must sum to one (got {total:g}); divide them by their sum"
        )
    return weighted(states, shares)


def interpolate(a: StateDict, b: StateDict, alpha: float) -> dict[str, Tensor]:
    r"""A point of the line through two networks.

    .. math::
        \boldsymbol{\theta} = \alpha \boldsymbol{\theta}_a
        + (1 - \alpha) \boldsymbol{\theta}_b

    At :math:`\alpha = 1` this is ``a`` and at :math:`\alpha = 0` it is ``b``, bit by
    bit. Everything else is as in :func:`average`.

    Args:
        a (StateDict): One network.
        b (StateDict): Another.
        alpha (float): Weight of ``a``; outside of [0, 1] it extrapolates.

    Returns:
        dict[str, Tensor]: New tensors.

    Raises:
        GraphLLMError: If the networks differ in a name or shape, or ``alpha`` is not
            finite.
    """
    if not math.isfinite(alpha):
        raise GraphLLMError(f"'alpha' must be finite (got {alpha})")
    return weighted(alike([a, b]), [alpha, 1.0 - alpha])


def weighted(
    states: Sequence[StateDict], weights: Sequence[float]
) -> dict[str, Tensor]:
    """:func:`average` of state dicts that are known to be alike."""
    used = [(state, w) for state, w in zip(states, weights, strict=True) if w != 0.0]
    shares = [w for _, w in used]
    return combine([state for state, _ in used], lambda _, ts: weighted_sum(ts, shares))


def weighted_sum(tensors: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Sum of tensors; where all are equal, no rounding comes in between."""
    first, *rest = tensors
    if all(torch.equal(first, tensor) for tensor in rest):
        return first * math.fsum(weights)
    total = first * weights[0]
    for tensor, weight in zip(rest, weights[1:], strict=True):
        total.add_(tensor, alpha=weight)
    return total
