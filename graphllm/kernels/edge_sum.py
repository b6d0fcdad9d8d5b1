"""Weighted sums over incoming edges, without a message for every edge."""

import warnings
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from graphllm.kernels.row_topk import RowGroups, group_rows

# Edges at once in the gradient of the weights.
CHUNK = 1 << 13


class EdgeSum:
    r"""Sums what the sources of its edges send to each node.

    .. math::
        \mathbf{y}_i = \sum_{e = (j, i)} w_e \, \mathbf{x}_j, \qquad
        \frac{\partial \mathcal{L}}{\partial w_e} = \Big\langle \mathbf{x}_j,
            \frac{\partial \mathcal{L}}{\partial \mathbf{y}_i} \Big\rangle

    Differentiable, once, in features and weights. Message passing keeps a row of
    features for every edge, and several where weights need a gradient; this is a
    sparse product each way and one inner product an edge, in
    :math:`O(|V| F + |E|)` memory. The edges are sorted once for any number of sums.

    Args:
        edge_index (Tensor): :math:`(2, |E|)`, row 0 holds sources.
        num_sources (int): Number of nodes that may send.
        num_targets (int, optional): Number of nodes that may receive.
            (default: ``num_sources``)

    Raises:
        TextGraphError: If an edge names a node that does not exist.
    """

    def __init__(
        self, edge_index: Tensor, num_sources: int, num_targets: int | None = None
    ) -> None:
        self.source, self.target = edge_index
        self.num_sources = num_sources
        self.num_targets = num_sources if num_targets is None else num_targets

    @cached_property
    def by_target(self) -> RowGroups:
        """The edges of each receiving node."""
        return group_rows(self.target, self.num_targets)

    @cached_property
    def by_source(self) -> RowGroups:
        """The edges of each sending node."""
        return group_rows(self.source, self.num_sources)

    def __call__(self, x: Tensor, weight: Tensor) -> Tensor:
        """The sums.

        Args:
            x (Tensor): :math:`(N, F)` ``float32`` or ``float64``.
            weight (Tensor): :math:`(|E|)`, of the same type.

        Returns:
            Tensor: :math:`(M, F)` for :math:`M` receiving nodes.
        """
        total: Tensor = _Sum.apply(x, weight, self)
        return total


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, edges: EdgeSum) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.edges = edges
        return _matrix(edges.by_target, edges.source, weight, edges.num_sources) @ x

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor | None, Tensor | None, None]:
        x, weight = ctx.saved_tensors
        edges: EdgeSum = ctx.edges
        gradient = gradient.contiguous()
        to_x = to_weight = None
        if ctx.needs_input_grad[0]:
            back = _matrix(edges.by_source, edges.target, weight, edges.num_targets)
            to_x = back @ gradient
        if ctx.needs_input_grad[1]:
            to_weight = torch.empty_like(weight)
            for begin in range(0, weight.numel(), CHUNK):
                part = slice(begin, begin + CHUNK)
                sent = x.index_select(0, edges.source[part])
                sent *= gradient.index_select(0, edges.target[part])
                to_weight[part] = sent.sum(dim=1)
        return to_x, to_weight, None


def _matrix(rows: RowGroups, column: Tensor, weight: Tensor, width: int) -> Tensor:
    order = rows.order
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support")
        return torch.sparse_csr_tensor(
            rows.indptr,
            column[order],
            weight.detach()[order],
            (rows.indptr.numel() - 1, width),
            check_invariants=False,
        )
