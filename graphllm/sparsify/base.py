"""What every sparsifier does: mark the edges that stay, and cut the others off."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, Data
from torch_geometric.utils import select

from graphllm.errors import TextGraphError

# A mask holds 0 and 1 up to rounding.
KEPT_ABOVE = 0.5


class SparsifyOutput(NamedTuple):
    """What a sparsifier says of the edges of one graph.

    Args:
        edge_mask (Tensor): :math:`(|E|)` floating, 1 where an edge is kept and 0 where
            it is removed. In training it carries straight-through gradients to the
            parameters of the sparsifier.
        aux_loss (Tensor): A scalar to add to the loss, 0 where there is none.
    """

    edge_mask: Tensor
    aux_loss: Tensor


class Sparsifier(nn.Module, ABC):
    """Decides which edges of a graph a GNN can do without.

    Messages flow from row 0 of ``edge_index`` to row 1, and a sparsity is always the
    share that is *removed*. Self loops of the input are kept and belong to no budget.
    In evaluation the same input gives the same mask.
    """

    @abstractmethod
    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        *,
        edge_prior: Tensor | None = None,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
    ) -> SparsifyOutput:
        r"""Mark the edges that stay.

        Args:
            x (Tensor): :math:`(|V|, F)`; :math:`F` may be zero where features are not
                read.
            edge_index (Tensor): :math:`(2, |E|)`.
            edge_prior (Tensor, optional): :math:`(|E|, C)`, see
                :class:`graphllm.sparsify.AddEdgePriors`. (default: :obj:`None`)
            edge_weight (Tensor, optional): :math:`(|E|)`. (default: :obj:`None`)
            batch (Tensor, optional): :math:`(|V|)`, the graph of each node.
                (default: :obj:`None`)

        Returns:
            SparsifyOutput: The mask, and a loss of the sparsifier's own.
        """

    def sparsify(self, data: Data) -> Data:
        """Cut the removed edges off, for a GNN that runs on fewer edges.

        Runs in evaluation mode and without gradients, and leaves the mode of every
        module as it was.

        Args:
            data (Data): A graph, a mini-batch of a loader, or a ``Batch`` of graphs,
                which can still be taken apart afterwards. ``edge_prior``,
                ``edge_weight`` and ``batch`` are read if they are there.

        Returns:
            Data: A shallow copy with fewer edges. Everything with an entry an edge
            goes along (of a ``Batch``, tensors), ``e_id`` holds the columns of
            ``data.edge_index`` that are left (where ``data`` has an ``e_id`` itself,
            that of those), and ``num_sampled_edges`` of a loader is counted anew.

        Raises:
            TextGraphError: If the graph has no ``edge_index``, or a sparse adjacency
                beside it that would keep all edges.
        """
        if data.edge_index is None or "adj_t" in data:
            raise TextGraphError(
                "a graph is sparsified by its 'edge_index' (got "
                f"{', '.join(sorted(data.keys())) or 'an empty graph'}); drop 'adj_t', "
                "and make it from the result"
            )
        x = data.x
        if x is None:
            x = torch.empty(data.num_nodes, 0, device=data.edge_index.device)
        with evaluating(self), torch.no_grad():
            output = self(
                x,
                data.edge_index,
                edge_prior=data.get("edge_prior"),
                edge_weight=data.get("edge_weight"),
                batch=data.get("batch"),
            )
        return keep_edges(data, output.edge_mask > KEPT_ABOVE)


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode for a while, then each part's own mode again.

    Args:
        module (torch.nn.Module): With all its parts.
    """
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for part, training in modes.items():
            part.training = training


def keep_edges(data: Data, keep: Tensor) -> Data:
    r"""The graph with some of its edges, as :meth:`Sparsifier.sparsify` returns it.

    Args:
        data (Data): A graph or a ``Batch``.
        keep (Tensor): :math:`(|E|)` ``bool``.

    Returns:
        Data: A shallow copy.
    """
    result = copy(data)
    sliced = [key for key in data.keys() if _is_of_edges(data, key)]
    for key in sliced:
        value = data[key]
        dim = data.__cat_dim__(key, value)
        if isinstance(value, np.ndarray):
            result[key] = np.compress(keep.cpu().numpy(), value, axis=dim)
        else:
            result[key] = select(value, keep, dim=dim)
    if "e_id" not in data:
        result.e_id = keep.nonzero().view(-1)
    if "num_nodes" not in data and data.x is None:
        result.num_nodes = data.num_nodes
    if isinstance(data.get("num_sampled_edges"), list):
        result.num_sampled_edges = kept_per_hop(data.num_sampled_edges, keep)
    if isinstance(data, Batch) and hasattr(data, "_slice_dict"):
        _note_bounds(data, result, sliced, keep.cpu())
    return result


def kept_per_hop(num_sampled_edges: Sequence[int], keep: Tensor) -> list[int]:
    """Edges of each sampled hop that are left.

    Args:
        num_sampled_edges (Sequence[int]): Edges of each hop, in the order stored.
        keep (Tensor): :math:`(|E|)` ``bool``.

    Returns:
        list[int]: As many.
    """
    hops = keep.split([int(count) for count in num_sampled_edges])
    return [int(hop.sum()) for hop in hops]


def _is_of_edges(data: Data, key: str) -> bool:
    # PyG takes any list as long as the edges for theirs; texts belong to nodes.
    if key == "e_id":
        return True
    is_array = hasattr(data[key], "shape")
    return data.is_edge_attr(key) and (is_array or "edge" in key)


def _note_bounds(batch: Data, result: Data, sliced: list[str], keep: Tensor) -> None:
    """Where the graphs of a batch begin and end, now that edges are gone."""
    kept_before = torch.cat([keep.new_zeros(1, dtype=torch.long), keep.cumsum(0)])
    slices, steps = dict(batch._slice_dict), dict(batch._inc_dict)
    edges = torch.as_tensor(slices["edge_index"])
    for key in slices.keys() & sliced:  # not what was added to the batch
        slices[key] = kept_before[torch.as_tensor(slices[key])]
    if "e_id" not in batch:
        slices["e_id"], steps["e_id"] = kept_before[edges], edges[:-1]
    result._slice_dict, result._inc_dict = slices, steps
