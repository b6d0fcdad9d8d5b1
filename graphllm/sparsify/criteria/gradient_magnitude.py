"""Edges on which the loss of a network depends."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphllm.errors import TextGraphError
from graphllm.kernels.edge_ends import check_edges
from graphllm.sparsify.base import evaluating
from graphllm.sparsify.criteria.base import Criterion
from graphllm.sparsify.masking import masked_forward


def gradient_magnitude(
    gnn: nn.Module, *, y: Tensor | None = None, index: Tensor | None = None
) -> Criterion:
    r"""Make a criterion of how much the loss changes with the weight of an edge.

    The gradient criterion of `"Graph Sparsification via Mixture of Graphs"
    <https://arxiv.org/abs/2405.14260>`_ (section 3).

    .. math::
        s_{ij} = \left| \frac{\partial \mathcal{L}}{\partial e_{ij}} \right|
        \quad \text{at} \quad e_{ij} = 1

    with :math:`\mathcal{L}` the mean cross-entropy of the network whose messages along
    an edge are multiplied by its weight. Both directions of an edge, and its
    repetitions, have one weight. One forward and one backward pass in evaluation mode;
    the parameters of the network get no gradient, and its mode is restored.

    Args:
        gnn (torch.nn.Module): Called as ``gnn(x, edge_index)``; returns
            :math:`(N, C)` logits. Trained a while: before, the loss says nothing.
        y (Tensor, optional): :math:`(N)` classes or :math:`(N, C)` probabilities.
            (default: the classes that the network predicts itself)
        index (Tensor, optional): Nodes of the loss, ids or a ``bool`` mask, such as
            the training nodes whose ``y`` may be read. (default: all nodes)

    Returns:
        Criterion: Needs ``x``.
    """

    def criterion(
        edge_index: Tensor, num_nodes: int, x: Tensor | None = None
    ) -> Tensor:
        if x is None:
            raise TextGraphError(
                "'gradient_magnitude' needs node features, but 'x' is None; add them "
                "to the graph or choose another criterion"
            )
        check_edges(edge_index, num_nodes)
        pair = _pair_ids(edge_index)
        weight = x.new_ones(int(pair.max()) + 1 if pair.numel() else 0)
        weight.requires_grad_()
        with evaluating(gnn), torch.enable_grad():
            logits = masked_forward(gnn, x, edge_index, weight[pair])
            loss = _loss(logits, y, index)
        (gradient,) = torch.autograd.grad(loss, weight, materialize_grads=True)
        return gradient.abs().float()[pair]

    return criterion


def _pair_ids(edge_index: Tensor) -> Tensor:
    """A number for each edge, the same for both directions and for repetitions."""
    low, high = torch.aminmax(edge_index.long(), dim=0)
    return torch.unique(low << 32 | high, return_inverse=True)[1]


def _loss(logits: Tensor, y: Tensor | None, index: Tensor | None) -> Tensor:
    target = logits.detach().argmax(dim=1) if y is None else y
    chosen: Any = slice(None) if index is None else index
    return F.cross_entropy(logits[chosen], target[chosen])
