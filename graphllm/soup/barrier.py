"""Whether two networks lie in one basin of the loss."""

from collections.abc import Callable
from typing import NamedTuple

from graphllm.errors import GraphLLMError
from graphllm.soup.average import weighted
from graphllm.soup.state import StateDict, alike


class Barrier(NamedTuple):
    """Loss along the line between two networks.

    Args:
        alphas (tuple[float]): Weight of the first network, from zero to one.
        losses (tuple[float]): Loss at each.
        height (float): Largest rise above the line between the two losses, at
            least zero.
    """

    alphas: tuple[float, ...]
    losses: tuple[float, ...]
    height: float


def loss_barrier(
    a: StateDict,
    b: StateDict,
    evaluate_loss: Callable[[StateDict], float],
    points: int = 11,
) -> Barrier:
    r"""How much worse than its ends the line between two networks gets.

    From `"Linear Mode Connectivity and the Lottery Ticket Hypothesis"
    <https://arxiv.org/abs/1912.05671>`_ (2020), in the form of `"The Role of
    Permutation Invariance in Linear Mode Connectivity of Neural Networks"
    <https://arxiv.org/abs/2110.06296>`_ (2022):

    .. math::
        \max_{\alpha \in [0, 1]} \; \mathcal{L}(\alpha \boldsymbol{\theta}_a
        + (1 - \alpha) \boldsymbol{\theta}_b) - \left( \alpha
        \mathcal{L}(\boldsymbol{\theta}_a) + (1 - \alpha)
        \mathcal{L}(\boldsymbol{\theta}_b) \right)

    Near zero the two can be averaged. A height that is a good part of the losses
    themselves says that they do not share an initialisation, or left its basin.

    Args:
        a (StateDict): One network.
        b (StateDict): Another.
        evaluate_loss (Callable): Loss of a state dict.
        points (int, optional): Values of :math:`\alpha`, both ends included.
            (default: :obj:`11`)

    Returns:
        Barrier: Values of :math:`\alpha`, losses and height.

    Raises:
        GraphLLMError: If the networks differ in a name or shape, or ``points`` is
            below three.
    """
    if points < 3:
        raise GraphLLMError(f"'points' must be >= 3 (got {points})")
    states = alike([a, b])
    alphas = tuple(number / (points - 1) for number in range(points))
    losses = tuple(
        float(evaluate_loss(weighted(states, [alpha, 1.0 - alpha]))) for alpha in alphas
    )
    height = max(
        loss - (alpha * losses[-1] + (1.0 - alpha) * losses[0])
        for alpha, loss in zip(alphas, losses, strict=True)
    )
    return Barrier(alphas, losses, height)
