"""Where a mask of edges enters each kind of layer."""

from inspect import signature
from typing import Literal, get_args

import torch_geometric.nn as pyg
from torch import nn

from graphllm.errors import GraphLLMError

# "weight": normalised by weighted degree, so that an edge of weight zero is no edge.
# "aggregation": messages know their two ends only, and meet in one aggregation.
# "attention": a softmax over the incoming edges, and self loops of their own.
MaskedBy = Literal["weight", "aggregation", "attention"]

_BY_WEIGHT = (
    pyg.APPNP,
    pyg.GCN2Conv,
    pyg.GCNConv,
    pyg.LGConv,
    pyg.SGConv,
    pyg.SSGConv,
    pyg.TAGConv,
)
_BY_AGGREGATION = (
    pyg.GENConv,
    pyg.GINConv,
    pyg.GINEConv,
    pyg.GraphConv,
    pyg.PNAConv,
    pyg.ResGatedGraphConv,
    pyg.SAGEConv,
)
_BY_ATTENTION = (pyg.GATConv, pyg.GATv2Conv)
_STEPS = ("forward", "message", "aggregate", "edge_update", "update")


def masked_by(layer: pyg.MessagePassing) -> MaskedBy:
    """How edges of a layer are masked so that it computes what it would without them.

    A layer of one's own says so with a class attribute ``masked_by``:
    ``"aggregation"`` if its messages read nothing but their two ends and their edge
    and meet only in ``aggr_module``, ``"weight"`` if it takes ``edge_weight`` and
    does the same with an edge of weight zero as without the edge.

    Args:
        layer (MessagePassing): A layer.

    Returns:
        str: ``"weight"``, ``"aggregation"`` or ``"attention"``.

    Raises:
        GraphLLMError: If the layer is not known to allow any, or an option of it does
            not.
    """
    kind = _declared(layer) or _known(layer)
    name = type(layer).__name__
    if kind is None:
        raise GraphLLMError(
            f"the edges of '{name}' cannot be masked exactly, as far as is known; use "
            f"one of {', '.join(sorted(c.__name__ for c in _all()))}, or, if all that "
            "its edges have in common is its aggregation, set the class attribute "
            "masked_by = 'aggregation'"
        )
    if hint := _obstacle(layer, kind):
        raise GraphLLMError(f"the edges of '{name}' cannot be masked exactly: {hint}")
    return kind


def _all() -> tuple[type[nn.Module], ...]:
    return (*_BY_WEIGHT, *_BY_AGGREGATION, *_BY_ATTENTION)


def _declared(layer: pyg.MessagePassing) -> MaskedBy | None:
    kind = getattr(layer, "masked_by", None)
    if kind is not None and kind not in ("weight", "aggregation"):
        raise GraphLLMError(
            f"'{type(layer).__name__}.masked_by' must be 'weight' or 'aggregation' "
            f"(got {kind!r})"
        )
    return kind


def _known(layer: pyg.MessagePassing) -> MaskedBy | None:
    for kind, classes in zip(
        get_args(MaskedBy), (_BY_WEIGHT, _BY_AGGREGATION, _BY_ATTENTION), strict=True
    ):
        for known in classes:
            if isinstance(layer, known) and not _overrides(layer, known):
                return kind
    return None


def _overrides(layer: pyg.MessagePassing, known: type[nn.Module]) -> bool:
    return any(
        getattr(type(layer), step, None) is not getattr(known, step, None)
        for step in _STEPS
    )


def _obstacle(layer: pyg.MessagePassing, kind: MaskedBy) -> str | None:
    """What stands in the way of a layer of a known kind, and what to do about it."""
    if layer.flow != "source_to_target":
        return "its flow is reversed; use flow='source_to_target' and flip edge_index"
    if kind != "aggregation" and type(layer.aggr_module) is not pyg.SumAggregation:
        return f"it aggregates with {layer.aggr_module}; use aggr='add'"
    if kind == "aggregation" and layer.aggr_module is None:
        return "it has no aggr_module; pass one to MessagePassing.__init__"
    if getattr(layer, "cached", False):
        return "it remembers the first graph it saw; use cached=False"
    if getattr(layer, "improved", False):
        return "PyG ignores improved=True unless edges have weights; leave it out"
    if kind == "weight" and "edge_weight" not in signature(layer.forward).parameters:
        return "its forward takes no edge_weight; use masked_by = 'aggregation'"
    return None
