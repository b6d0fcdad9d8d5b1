"""Layers that only add up their neighbours, under a mask and in little memory."""

from collections.abc import Callable
from typing import Any

import torch
import torch_geometric.nn as pyg
from torch import Tensor

from graphllm.kernels.edge_sum import EdgeSum
from graphllm.sparsify.base import KEPT_ABOVE

# Their messages are the features of the source, times edge_weight if there is one.
_SENDING_FEATURES = (pyg.SAGEConv, pyg.GINConv, pyg.GraphConv)
_FAST = (torch.float32, torch.float64)

Propagate = Callable[..., Tensor]


def adds_up(layer: pyg.MessagePassing) -> bool:
    """Whether a layer takes the plain sum or mean of its neighbours' features.

    Args:
        layer (MessagePassing): A layer, before anything of it was replaced.

    Returns:
        bool: If so, :func:`masked_propagate` can stand for its message passing.
    """
    sends_features = any(
        isinstance(layer, known) and type(layer).message is known.message
        for known in _SENDING_FEATURES
    )
    return sends_features and type(layer.aggr_module) in (
        pyg.SumAggregation,
        pyg.MeanAggregation,
    )


def masked_propagate(
    layer: pyg.MessagePassing,
    mean: bool,
    mask: Tensor,
    sums: Callable[[Tensor, int, int], EdgeSum] = EdgeSum,
) -> Propagate:
    r"""A ``propagate`` for a layer that :func:`adds_up`.

    .. math::
        \mathbf{y}_i = \sum_j m_{ji} w_{ji} \mathbf{x}_j, \qquad
        \text{for the mean divided by} \quad \sum_j m_{ji} .

    The same as with :class:`~graphllm.sparsify.MaskedAggregation` to rounding, without
    a row of features for every edge, see :class:`~graphllm.kernels.edge_sum.EdgeSum`.
    What that does not know, half precision and batches of features, goes the usual
    way.

    Args:
        layer (MessagePassing): The layer.
        mean (bool): Whether to divide by the number of kept edges.
        mask (Tensor): :math:`(|E|)`.
        sums (Callable, optional): From ``edge_index`` and the numbers of sources and
            targets to the sums; for a caller that remembers them.
            (default: :class:`EdgeSum`)

    Returns:
        Callable: To be set as ``layer.propagate``.
    """

    def propagate(edge_index: Tensor, size: Any = None, **given: Any) -> Tensor:
        x = given["x"]
        source, target = x if isinstance(x, tuple) else (x, x)
        if source.dim() != 2 or source.dtype not in _FAST or not _is_plain(layer):
            usual: Tensor = type(layer).propagate(layer, edge_index, size=size, **given)
            return usual
        num_targets = source.size(0) if target is None else target.size(0)
        if size is not None and size[1] is not None:
            num_targets = size[1]
        weight = mask.to(source.dtype)
        if given.get("edge_weight") is not None:
            weight = weight * given["edge_weight"]
        total = sums(edge_index, source.size(0), num_targets)(source, weight)
        if not mean:
            return total
        count = total.new_zeros(num_targets)
        count = count.index_add(0, edge_index[1], mask.to(total.dtype))
        # Not clamped: its gradient is the same on both sides of one edge.
        count = torch.where(count.detach() < KEPT_ABOVE, 1.0, count)
        return total / count.unsqueeze(1)

    return propagate


def _is_plain(layer: pyg.MessagePassing) -> bool:
    """Whether nobody wants to see the messages."""
    hooks = (
        layer._propagate_forward_pre_hooks,
        layer._propagate_forward_hooks,
        layer._message_forward_pre_hooks,
        layer._message_forward_hooks,
        layer._aggregate_forward_pre_hooks,
        layer._aggregate_forward_hooks,
    )
    return not any(hooks) and not layer.explain and layer.decomposed_layers == 1
