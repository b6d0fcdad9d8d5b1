"""Graph attention over the kept edges alone."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
import torch_geometric.nn as pyg
from torch import Tensor

from graphllm.sparsify.masked_aggregation import masked_softmax


def masked_edge_update(
    layer: pyg.GATConv | pyg.GATv2Conv, mask: Tensor
) -> Callable[..., Tensor]:
    r"""What stands in for ``edge_update`` of an attention layer.

    The layer's own logits, normalised by
    :func:`graphllm.sparsify.masked_aggregation.masked_softmax`. Self loops that the
    layer adds come last and are kept.

    Args:
        layer (GATConv or GATv2Conv): The layer.
        mask (Tensor): Ones and zeros for the edges that the layer does not replace by
            self loops of its own, in their order.

    Returns:
        Callable: With the keyword arguments of ``layer.edge_update``.
    """
    logits_of = _gat_logits if isinstance(layer, pyg.GATConv) else _gatv2_logits

    def edge_update(
        index: Tensor, ptr: Tensor | None, dim_size: int | None, **ends: Any
    ) -> Tensor:
        logits = logits_of(layer, **ends)
        loops = mask.new_ones(index.numel() - mask.numel())
        kept = torch.cat([mask, loops]).to(logits.dtype).view(-1, 1)
        alpha = masked_softmax(logits, kept, index, dim_size)
        return F.dropout(alpha, p=layer.dropout, training=layer.training)

    return edge_update


def _gat_logits(
    layer: pyg.GATConv,
    alpha_j: Tensor,
    alpha_i: Tensor | None,
    edge_attr: Tensor | None,
) -> Tensor:
    logits = alpha_j if alpha_i is None else alpha_j + alpha_i
    if edge_attr is not None and layer.lin_edge is not None:
        logits = logits + (_of_edges(layer, edge_attr) * layer.att_edge).sum(dim=-1)
    return F.leaky_relu(logits, layer.negative_slope)


def _gatv2_logits(
    layer: pyg.GATv2Conv, x_j: Tensor, x_i: Tensor, edge_attr: Tensor | None
) -> Tensor:
    hidden = x_i + x_j
    if edge_attr is not None:
        hidden = hidden + _of_edges(layer, edge_attr)
    return (F.leaky_relu(hidden, layer.negative_slope) * layer.att).sum(dim=-1)


def _of_edges(layer: pyg.GATConv | pyg.GATv2Conv, edge_attr: Tensor) -> Tensor:
    columns = edge_attr.view(-1, 1) if edge_attr.dim() == 1 else edge_attr
    return layer.lin_edge(columns).view(-1, layer.heads, layer.out_channels)
