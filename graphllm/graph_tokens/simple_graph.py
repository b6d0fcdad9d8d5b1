"""A graph without repeated edges: who is next to whom, and is this an edge."""

from typing import NamedTuple

import torch
from torch import Tensor

from graphllm.errors import TextGraphError


class SimpleGraph(NamedTuple):
    """Distinct edges, grouped by target.

    Args:
        keys (Tensor): :math:`(|E|)` ``int64``, target times :math:`|V|` plus source,
            ascending.
        indptr (Tensor): :math:`(|V| + 1)` ``int64``; the neighbours of node ``i`` are
            ``indices[indptr[i]:indptr[i + 1]]``.
        indices (Tensor): :math:`(|E|)` ``int32`` sources, ascending for each node.
    """

    keys: Tensor
    indptr: Tensor
    indices: Tensor

    @property
    def num_nodes(self) -> int:
        """Number of nodes."""
        return self.indptr.numel() - 1

    def joined(self, left: Tensor, right: Tensor) -> Tensor:
        """Whether there is an edge between two nodes, in whichever direction."""
        found = torch.zeros_like(left, dtype=torch.bool)
        if self.keys.numel() == 0:
            return found
        for source, target in ((left, right), (right, left)):
            key = target * self.num_nodes + source
            at = torch.searchsorted(self.keys, key).clamp(max=self.keys.numel() - 1)
            found |= (self.keys[at] == key) & (source >= 0) & (target >= 0)
        return found


def simple_graph(x: Tensor, edge_index: Tensor) -> SimpleGraph:
    """Check a graph and group its edges, each counted once.

    Args:
        x (Tensor): :math:`(|V|, F)` floating.
        edge_index (Tensor): :math:`(2, |E|)`; row 0 holds sources.

    Returns:
        SimpleGraph: On the device of ``edge_index``.

    Raises:
        TextGraphError: If features or edges are not usable.
    """
    if x.dim() != 2 or not x.is_floating_point():
        raise TextGraphError(
            "'x' must hold floating features of shape (num_nodes, num_features) (got "
            f"{x.dtype} of shape {tuple(x.shape)}); encode the texts first"
        )
    if edge_index.dim() != 2 or edge_index.size(0) != 2:
        raise TextGraphError(
            "'edge_index' must have shape (2, num_edges) "
            f"(got {tuple(edge_index.shape)})"
        )
    num_nodes = x.size(0)
    if num_nodes >= 2**31:
        raise TextGraphError(
            f"the graph has {num_nodes} nodes; trees hold 32-bit ids, of fewer than "
            f"{2**31} nodes"
        )
    if edge_index.numel():
        low, high = (int(bound) for bound in torch.aminmax(edge_index))
        if low < 0 or high >= num_nodes:
            raise TextGraphError(
                f"an edge points to node {low if low < 0 else high}, but 'x' has "
                f"{num_nodes} rows; remove the edge or add the node"
            )
    source, target = edge_index.long()
    keys = torch.unique(target * num_nodes + source)
    size = max(num_nodes, 1)
    indptr = keys.new_zeros(num_nodes + 1)
    counts = torch.bincount(keys // size, minlength=num_nodes)
    torch.cumsum(counts, 0, out=indptr[1:])
    return SimpleGraph(keys, indptr, (keys % size).int())
