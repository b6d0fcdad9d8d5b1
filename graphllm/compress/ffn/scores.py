"""How much each hidden channel of a feed-forward layer matters."""

from typing import Any

import torch
from torch import Tensor, nn

from graphllm.compress.blocks import find_blocks
from graphllm.compress.ffn.parts import feed_forward
from graphllm.compress.walk import evaluating, fitting
from graphllm.errors import CompressionError

_ROUNDS = 128  # of removals, each followed by an exact update
_NOT_DEFINITE = (
    "the inputs of a feed-forward layer are linearly dependent; give more calibration "
    "or a larger 'damping'"
)


def magnitude_scores(entries: list[Tensor], down: Tensor) -> Tensor:
    r"""Norm of all weights of a channel.

    .. math::
        s_j = \sqrt{\sum_{\text{entries}} \lVert \mathbf{w}_{j \cdot} \rVert_2^2
        + \lVert \mathbf{w}^{\text{down}}_{\cdot j} \rVert_2^2}

    Args:
        entries (list[Tensor]): Weights of the layers that make the channels.
        down (Tensor): Weight of the layer that reads them.

    Shapes:
        - **entries:** :math:`(n, d)`
        - **down:** :math:`(d, n)`
        - **output:** :math:`(n)`
    """
    squares = sum(each.double().square().sum(1) for each in entries)
    return (squares + down.double().square().sum(0)).sqrt()


def activation_scores(norm: Tensor, down: Tensor) -> Tensor:
    r"""Size of what a channel adds to the output.

    .. math::
        s_j = \lVert \mathbf{x}_{\cdot j} \rVert_2 \,
        \lVert \mathbf{w}^{\text{down}}_{\cdot j} \rVert_2

    Args:
        norm (Tensor): Norm of each channel over the calibration.
        down (Tensor): Weight of the layer that reads them.

    Shapes:
        - **norm:** :math:`(n)`
        - **down:** :math:`(d, n)`
        - **output:** :math:`(n)`
    """
    return norm.double() * down.double().norm(dim=0)


def sensitivity_scores(model: Any, input_ids: Tensor) -> list[Tensor]:
    r"""First-order change of the loss when a channel is removed.

    .. math::
        s_j = \operatorname{mean}_n \Big| \sum_t x_{ntj}
        \frac{\partial \mathcal{L}_n}{\partial x_{ntj}} \Big|

    with the language modelling loss of each sequence. The sum equals that of
    :math:`w \, \partial \mathcal{L} / \partial w` over the channel's outgoing weights,
    the sensitivity of the `"IDEA Prune: An Integrated Enlarge-and-Prune Pipeline"
    <https://arxiv.org/abs/2503.05920>`_ paper; the mean over sequences stands where
    training has a moving average over steps. No parameter gets a gradient.

    Args:
        model (PreTrainedModel): A causal language model.
        input_ids (Tensor): Sequences of one length.

    Shapes:
        - **input_ids:** :math:`(N, T)`
        - **output:** :math:`(n)` for each block
    """
    downs = [feed_forward(block).down for block in find_blocks(model)]
    sums: list[Tensor | float] = [0.0] * len(downs)
    hooks = [model.get_input_embeddings().register_forward_hook(_require_grad)]
    for index, down in enumerate(downs):

        def watch(_: nn.Module, args: tuple[Tensor], index: int = index) -> None:
            (x,) = args
            if x.requires_grad:
                x.register_hook(lambda gradient: add(index, x, gradient))

        hooks.append(down.register_forward_pre_hook(watch))

    def add(index: int, x: Tensor, gradient: Tensor) -> None:
        total = (x.detach() * gradient).flatten(0, -2).double().sum(0).abs()
        sums[index] = sums[index] + total

    wanted = [each for each in model.parameters() if each.requires_grad]
    try:
        for each in wanted:
            each.requires_grad_(False)
        with evaluating(model), torch.enable_grad():
            for ids in fitting(model, input_ids).split(1):
                model(input_ids=ids, labels=ids, use_cache=False).loss.backward()
    finally:
        for hook in hooks:
            hook.remove()
        for each in wanted:
            each.requires_grad_(True)
    return [torch.as_tensor(each) / input_ids.size(0) for each in sums]


def _require_grad(_: nn.Module, __: Any, output: Tensor) -> Tensor:
    return output.detach().requires_grad_()


def damped(hessian: Tensor, damping: float) -> Tensor:
    r"""Add to the diagonal a share of itself, channel by channel.

    .. math::
        \mathbf{H} + \lambda \operatorname{diag}(\mathbf{H})

    The usual multiple of the mean diagonal would be set by the massive activations of
    the first token alone, thousands of times what the other channels have.

    Args:
        hessian (Tensor): :math:`\mathbf{X}^{\top} \mathbf{X}`, of shape :math:`(n, n)`.
        damping (float): :math:`\lambda`.
    """
    diagonal = hessian.diagonal()
    positive = diagonal[diagonal > 0]
    # A channel that never fires must stay the cheapest, and the matrix definite.
    floor = 1e-6 * (positive.min() if len(positive) else diagonal.new_ones(()))
    dead = torch.where(diagonal > 0, 0, floor)
    return hessian + torch.diag(damping * diagonal + dead)


def refit(down: Tensor, hessian: Tensor, keep: Tensor) -> Tensor:
    r"""The exit's weight that does best with the channels that are kept.

    .. math::
        \hat{\mathbf{W}} = \mathbf{W} \mathbf{H}_{\cdot K}
        \mathbf{H}_{KK}^{-1} = \arg\min_{\hat{\mathbf{W}}} \lVert
        \mathbf{X} \mathbf{W}^{\top} - \mathbf{X}_{\cdot K} \hat{\mathbf{W}}^{\top}
        \rVert_F^2

    Args:
        down (Tensor): :math:`\mathbf{W}`.
        hessian (Tensor): :math:`\mathbf{H}`, of :func:`damped`.
        keep (Tensor): :math:`K`.

    Shapes:
        - **down:** :math:`(d, n)`
        - **hessian:** :math:`(n, n)`
        - **output:** :math:`(d, |K|)`, ``float64``

    Raises:
        CompressionError: If :math:`\mathbf{H}_{KK}` is not positive definite.
    """
    lower, bad = torch.linalg.cholesky_ex(hessian[keep][:, keep])
    if int(bad):
        raise CompressionError(_NOT_DEFINITE)
    target = (down.double() @ hessian[:, keep]).T
    return torch.cholesky_solve(target, lower).T


def reconstruction_order(down: Tensor, hessian: Tensor, remove: int) -> Tensor:
    r"""Channels to remove one after another, each the cheapest after a refit.

    .. math::
        s_j = \frac{\lVert \mathbf{w}_{\cdot j} \rVert_2^2}{[\mathbf{H}^{-1}]_{jj}}

    is the error that is left when channel :math:`j` goes and the others make up for
    it; :math:`\mathbf{W}` and :math:`\mathbf{H}^{-1}` are brought up to date after
    each round (the structured Optimal Brain Surgeon of `"ZipLM: Inference-Aware
    Structured Pruning of Language Models" <https://arxiv.org/abs/2302.04089>`_).

    .. note::
        A round removes one channel where at most 128 go, and otherwise as many as
        make 128 rounds.

    Args:
        down (Tensor): :math:`\mathbf{W}`.
        hessian (Tensor): :math:`\mathbf{H}`, of :func:`damped`.
        remove (int): Channels to remove.

    Shapes:
        - **down:** :math:`(d, n)`
        - **hessian:** :math:`(n, n)`
        - **output:** :math:`(\text{remove})`, the cheapest first

    Raises:
        CompressionError: If :math:`\mathbf{H}` is not positive definite.
    """
    lower, bad = torch.linalg.cholesky_ex(hessian)
    if int(bad):
        raise CompressionError(_NOT_DEFINITE)
    inverse = torch.cholesky_inverse(lower)
    weight = down.double().clone()
    gone = torch.zeros(weight.size(1), dtype=torch.bool, device=weight.device)
    order: list[Tensor] = []
    step = -(-remove // _ROUNDS)
    while remove > 0:
        scores = weight.square().sum(0) / inverse.diagonal()
        scores[gone] = torch.inf
        channels = scores.argsort(stable=True)[: min(step, remove)]
        rows = inverse[channels]
        solved = torch.linalg.solve(rows[:, channels], rows)
        weight -= weight[:, channels] @ solved
        inverse -= rows.T @ solved
        # A one on the diagonal, so that nothing is divided by zero.
        inverse[channels, channels] = 1.0
        gone[channels] = True
        order.append(channels)
        remove -= len(channels)
    return torch.cat(order)
