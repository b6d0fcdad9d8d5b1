"""Run a GNN on all edges as if some were not there."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from inspect import Signature, signature
from typing import Any

import torch_geometric.nn as pyg
from torch import Tensor, nn

from graphllm.errors import GraphLLMError
from graphllm.sparsify.masked_aggregation import MaskedAggregation
from graphllm.sparsify.masked_attention import masked_edge_update
from graphllm.sparsify.masked_graph import MaskedGraph
from graphllm.sparsify.masked_layers import MaskedBy, masked_by
from graphllm.sparsify.masked_sum import adds_up, masked_propagate

Arguments = tuple[tuple[Any, ...], dict[str, Any]]


@contextmanager
def mask_messages(
    gnn: nn.Module, edge_index: Tensor, num_nodes: int, edge_mask: Tensor
) -> Iterator[None]:
    r"""Inside, the network computes what it would on the kept edges alone.

    ``gnn(x, edge_index)`` gives what ``gnn(x, edge_index[:, edge_mask == 1])`` would,
    with the same gradients of features and parameters, and is differentiable in the
    mask. How, depends on the layer:

    * Layers that normalise by weighted degree (``GCNConv``, ``APPNP``, ...) and the
      networks made of them get ``edge_weight`` times the mask.
    * Layers whose messages meet only in an aggregation (``SAGEConv``, ``GINConv``,
      ``PNAConv``, ...) aggregate with :class:`MaskedAggregation`: means and degree
      scalers count kept edges, and removed messages never win a maximum.
    * ``GATConv`` and ``GATv2Conv`` take the softmax over kept edges.

    The gradient of the mask is the derivative with its entries seen as weights of the
    messages, of removed edges too: what putting them back would change. Maxima and
    the like have none for removed edges.

    Layers may be called with all edges or, as PyG's trimmed layers are, with the first
    of them. They are changed for the time being and put back whatever happens; two
    threads must not do this with one network at once.

    .. note::
        What a network does with edges outside its layers is not masked: batch
        normalisation of edge features sees removed edges too.

    Args:
        gnn (torch.nn.Module): A network of PyG layers.
        edge_index (Tensor): :math:`(2, |E|)`, what the network will be called with.
        num_nodes (int): Number of nodes, :math:`|V|`.
        edge_mask (Tensor): :math:`(|E|)` floating, ones and zeros up to rounding; one
            for every self loop.

    Raises:
        GraphLLMError: If a layer of the network cannot be masked exactly.
        TextGraphError: If the mask does not fit, or, inside, a layer is called with
            other edges.

    Example:
        >>> mask = torch.ones(edge_index.size(1), requires_grad=True)
        >>> with mask_messages(gnn, edge_index, x.size(0), mask):
        ...     loss = F.cross_entropy(gnn(x, edge_index), y)
        >>> loss.backward()
        >>> mask.grad  # how much each edge matters
    """
    graph = MaskedGraph(edge_index, num_nodes, edge_mask)
    with ExitStack() as stack:
        _mask_layers(gnn, graph, stack)
        yield


def masked_forward(
    gnn: nn.Module,
    x: Tensor,
    edge_index: Tensor,
    edge_mask: Tensor,
    *,
    edge_weight: Tensor | None = None,
    **kwargs: Any,
) -> Tensor:
    """The output of a network on the kept edges, differentiable in the mask.

    Args:
        gnn (torch.nn.Module): See :func:`mask_messages`; or a network that takes no
            edges, such as an MLP.
        x (Tensor): :math:`(|V|, F)`.
        edge_index (Tensor): :math:`(2, |E|)`.
        edge_mask (Tensor): :math:`(|E|)`, see :func:`mask_messages`.
        edge_weight (Tensor, optional): :math:`(|E|)`. (default: :obj:`None`)
        **kwargs (object): Passed to the network, for all edges.

    Returns:
        Tensor: What the network returns.

    Raises:
        GraphLLMError: As :func:`mask_messages`.
    """
    if edge_weight is not None:
        kwargs["edge_weight"] = edge_weight
    if not takes_edges(gnn):
        return gnn(x, **kwargs)
    with mask_messages(gnn, edge_index, x.size(0), edge_mask):
        return gnn(x, edge_index, **kwargs)


def takes_edges(gnn: nn.Module) -> bool:
    """Whether a network is called with an ``edge_index``."""
    return "edge_index" in signature(gnn.forward).parameters or any(_layers(gnn))


def _mask_layers(gnn: nn.Module, graph: MaskedGraph, stack: ExitStack) -> None:
    kinds = {layer: masked_by(layer) for layer in _layers(gnn)}
    weighted = list(_taking_weights(gnn, kinds))
    _refuse_hidden_edges(gnn, bool(kinds or weighted))
    for module, nested in weighted:
        # The network around has put the mask in, but may fail to pass it on.
        _before(module, _give_weight(graph, only_missing=nested), stack)
    for layer, kind in kinds.items():
        if kind == "aggregation":
            _mask_aggregation(layer, graph, stack)
        elif kind == "attention":
            _mask_attention(layer, graph, stack)


def _layers(gnn: nn.Module) -> Iterator[pyg.MessagePassing]:
    return (part for part in gnn.modules() if isinstance(part, pyg.MessagePassing))


def _refuse_hidden_edges(gnn: nn.Module, any_found: bool) -> None:
    name = type(gnn).__name__
    if not any_found:
        raise GraphLLMError(
            f"'{name}' holds no MessagePassing layer whose edges could be masked; if "
            "an edge of weight zero is no edge to it, give it an edge_weight argument "
            "and set supports_edge_weight = True"
        )
    for part in gnn.modules():
        if isinstance(part, pyg.DeepGCNLayer) and part.ckpt_grad:
            raise GraphLLMError(
                f"'{name}' computes layers again in the backward pass, without the "
                "mask; use DeepGCNLayer(ckpt_grad=False)"
            )


def _taking_weights(
    module: nn.Module, kinds: dict[pyg.MessagePassing, MaskedBy], nested: bool = False
) -> Iterator[tuple[nn.Module, bool]]:
    """Modules that the mask can enter as edge weights, and if in another such one."""
    inside = {kinds[layer] for layer in _layers(module)}
    supported = getattr(module, "supports_edge_weight", bool(inside))
    names = signature(module.forward).parameters.keys()
    if inside <= {"weight"} and supported and {"edge_index", "edge_weight"} <= names:
        yield module, nested
        nested = True
    for child in module.children():
        yield from _taking_weights(child, kinds, nested)


Change = Callable[[nn.Module, dict[str, Any]], None]


def _before(module: nn.Module, change: Change, stack: ExitStack) -> None:
    """Change the arguments of a module each time it is called."""
    known: Signature = signature(module.forward)

    def hook(module: nn.Module, args: Any, kwargs: dict[str, Any]) -> Arguments:
        bound = known.bind(*args, **kwargs)
        change(module, bound.arguments)
        return bound.args, bound.kwargs

    handle = module.register_forward_pre_hook(hook, with_kwargs=True)
    stack.callback(handle.remove)


def _give_weight(graph: MaskedGraph, only_missing: bool) -> Change:
    def change(module: nn.Module, given: dict[str, Any]) -> None:
        edge_index, weight = given["edge_index"], given.get("edge_weight")
        if only_missing and (weight is not None or not isinstance(edge_index, Tensor)):
            return
        mask = graph.mask_of(edge_index, module)
        x = given.get("x")
        if isinstance(x, Tensor) and x.is_floating_point():
            mask = mask.to(x.dtype)
        given["edge_weight"] = graph.weight(edge_index, mask, weight)

    return change


def _mask_aggregation(
    layer: pyg.MessagePassing, graph: MaskedGraph, stack: ExitStack
) -> None:
    original = layer.aggr_module
    masked = MaskedAggregation(original)
    is_sum, is_mean = adds_up(layer), isinstance(original, pyg.MeanAggregation)
    stack.callback(setattr, layer, "aggr_module", original)
    stack.callback(layer.__dict__.pop, "propagate", None)
    layer.aggr_module = masked

    def change(module: nn.Module, given: dict[str, Any]) -> None:
        masked.mask = graph.mask_of(given["edge_index"], module)
        if is_sum:
            layer.propagate = masked_propagate(
                layer, is_mean, masked.mask, graph.sums_of
            )

    _before(layer, change, stack)


def _mask_attention(
    layer: pyg.GATConv | pyg.GATv2Conv, graph: MaskedGraph, stack: ExitStack
) -> None:
    stack.callback(layer.__dict__.pop, "edge_update", None)

    def change(module: nn.Module, given: dict[str, Any]) -> None:
        edge_index = given["edge_index"]
        mask = graph.mask_of(edge_index, module)
        if layer.add_self_loops:
            mask = mask[edge_index[0] != edge_index[1]]
            averages = isinstance(layer.fill_value, str)
            if averages and given.get("edge_attr") is not None:
                raise GraphLLMError(
                    f"the edges of '{type(layer).__name__}' cannot be masked exactly: "
                    f"its self loops take the {layer.fill_value} of all edge_attr; "
                    "use fill_value=0.0 or add_self_loops=False"
                )
        layer.edge_update = masked_edge_update(layer, mask)

    _before(layer, change, stack)
