"""What neighbour sampling asks of a graph and of its arguments."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.data import CSR
from graphllm.errors import TextGraphError, UnknownNameError


def check_graph(data: Data) -> int:
    """Number of nodes of a graph whose edges can be sampled.

    Raises:
        TextGraphError: If it is no ``Data``, has no edges or one to nowhere.
    """
    if not isinstance(data, Data):
        raise TextGraphError(
            "neighbours are sampled from one 'torch_geometric.data.Data' "
            f"(got {type(data).__name__}); turn other graphs into one first"
        )
    edge_index = data.edge_index
    if edge_index is None or edge_index.dim() != 2 or edge_index.size(0) != 2:
        raise TextGraphError(
            "'data.edge_index' must have shape (2, num_edges) "
            f"(got {None if edge_index is None else tuple(edge_index.shape)})"
        )
    num_nodes = int(data.num_nodes or 0)
    if edge_index.numel():
        low, high = int(edge_index.min()), int(edge_index.max())
        if low < 0 or high >= num_nodes:
            raise TextGraphError(
                f"an edge points to node {low if low < 0 else high}, but the graph "
                f"has nodes 0 to {num_nodes - 1}; remove the edge or add the node"
            )
    return num_nodes


def check_num_neighbors(num_neighbors: Sequence[int]) -> list[int]:
    """The fan-outs as a list.

    Raises:
        ValueError: If they are no list of integers from -1 up.
    """
    wrong = isinstance(num_neighbors, str | dict) or not hasattr(
        num_neighbors, "__iter__"
    )
    values = [] if wrong else list(num_neighbors)
    if not values or not all(
        isinstance(value, int | np.integer) and value >= -1 for value in values
    ):
        raise ValueError(
            "'num_neighbors' must list how many neighbours to draw at each hop, -1 "
            f"for all, like [15, 10] (got {num_neighbors!r})"
        )
    return [int(value) for value in values]


def check_nodes(nodes: Tensor | Sequence[int] | None, num_nodes: int) -> Tensor:
    """Ids of the nodes that are asked for, by mask, by id, or all of them.

    Raises:
        ValueError: If a mask has another length than the graph, or an id is not in it.
    """
    if nodes is None:
        return torch.arange(num_nodes)
    nodes = torch.as_tensor(nodes).cpu()
    if nodes.dtype == torch.bool:
        if nodes.shape != (num_nodes,):
            raise ValueError(
                f"'input_nodes' as a mask must have shape ({num_nodes},), one entry a "
                f"node (got {tuple(nodes.shape)})"
            )
        return nodes.nonzero().view(-1)
    if nodes.numel() == 0:
        return nodes.long().view(-1)
    if nodes.dim() != 1 or nodes.is_floating_point() or nodes.is_complex():
        raise ValueError(
            "'input_nodes' must be a mask or a list of node ids "
            f"(got {nodes.dtype} of shape {tuple(nodes.shape)})"
        )
    low, high = int(nodes.min()), int(nodes.max())
    if low < 0 or high >= num_nodes:
        raise ValueError(
            f"'input_nodes' holds node {low if low < 0 else high}, but the graph has "
            f"nodes 0 to {num_nodes - 1}"
        )
    return nodes.long()


def check_weight(data: Data, weight_attr: str, csr: CSR) -> Tensor:
    """Sampling weights in ``float64``, in the order of the compressed edges.

    Raises:
        UnknownNameError: If the graph has no edge attribute of that name.
        TextGraphError: If a weight is negative, infinite or NaN, or a node has
            edges but only weights of zero.
    """
    num_edges = csr.indices.numel()
    weight = data[weight_attr] if weight_attr in data else None
    if not isinstance(weight, Tensor | np.ndarray):
        choices = [key for key in data.keys() if data.is_edge_attr(key)]
        raise UnknownNameError(
            "edge weight", weight_attr, [c for c in choices if c != "edge_index"]
        )
    weight = torch.as_tensor(weight).cpu().double()
    if weight.shape != (num_edges,):
        raise TextGraphError(
            f"'data.{weight_attr}' must have shape ({num_edges},), one weight an edge "
            f"(got {tuple(weight.shape)})"
        )
    bad = (~weight.isfinite() | (weight < 0)).nonzero().view(-1)
    if bad.numel():
        raise TextGraphError(
            f"'data.{weight_attr}' is {float(weight[bad[0]])} at edge {int(bad[0])}; "
            "sampling needs finite weights that are not negative"
        )
    weight = weight[csr.edge_ids]
    target = torch.arange(csr.num_nodes).repeat_interleave(csr.degree())
    total = torch.zeros(csr.num_nodes, dtype=torch.double)
    total.index_add_(0, target, weight)
    empty = ((total == 0) & (csr.degree() > 0)).nonzero().view(-1)
    if empty.numel():
        raise TextGraphError(
            f"all edges into node {int(empty[0])} have 'data.{weight_attr}' zero; give "
            "one of them weight, or remove the edges"
        )
    return weight
