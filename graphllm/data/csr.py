"""Compressed rows: who the neighbours of a node are, without a search."""

from typing import NamedTuple

import torch
from torch import Tensor

from graphllm.errors import UnknownNameError


class CSR(NamedTuple):
    """A graph as compressed sparse rows.

    Args:
        indptr (Tensor): :math:`(|V| + 1)` ``int64``; the neighbours of node ``i``
            are ``indices[indptr[i]:indptr[i + 1]]``.
        indices (Tensor): :math:`(|E|)` ``int64``, ascending within a row.
        edge_ids (Tensor): :math:`(|E|)` ``int64``, the column of ``edge_index``
            that each entry came from.
    """

    indptr: Tensor
    indices: Tensor
    edge_ids: Tensor

    @property
    def num_nodes(self) -> int:
        """Number of rows."""
        return self.indptr.numel() - 1

    def degree(self) -> Tensor:
        """Entries a row, :math:`(|V|)`."""
        return self.indptr.diff()

    def neighbors(self, node: int) -> Tensor:
        """Neighbours of one node, ascending."""
        return self.indices[self.indptr[node] : self.indptr[node + 1]]


def to_csr(edge_index: Tensor, num_nodes: int, *, by: str = "source") -> CSR:
    """Group edges by their source or by their target node.

    Args:
        edge_index (Tensor): :math:`(2, |E|)`; row 0 holds sources.
        num_nodes (int): Number of nodes.
        by (str, optional): ``"source"`` lists outgoing neighbours, ``"target"``
            incoming ones. (default: :obj:`"source"`)

    Returns:
        CSR: On the device of ``edge_index``.

    Raises:
        UnknownNameError: If ``by`` is neither of the two.
    """
    if by not in ("source", "target"):
        raise UnknownNameError("grouping of edges", by, ("source", "target"))
    row, col = edge_index if by == "source" else edge_index.flip(0)
    order = torch.argsort(row * max(num_nodes, 1) + col, stable=True)
    counts = torch.bincount(row, minlength=num_nodes)
    indptr = torch.zeros(num_nodes + 1, dtype=torch.long, device=row.device)
    torch.cumsum(counts, 0, out=indptr[1:])
    return CSR(indptr, col[order], order)
