"""The normalised adjacency of a graph, made once and applied in every layer."""

import warnings
from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any

import torch
import torch_geometric.nn as pyg
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch_geometric.nn.conv.gcn_conv import gcn_norm

_FAST = (torch.float32, torch.float64)
# Fewer columns waste the time that it takes to read an entry.
NARROW = 32


class SparseMatrix(ABC):
    r"""A matrix without gradient of its own, in compressed rows.

    ``matrix @ x`` goes through :func:`torch.func.vmap` as one product of all columns:
    :math:`K` networks share a pass over the entries. On a CPU networks of
    :obj:`NARROW` and more columns take turns instead: what one of them reads stays in
    the cache, and what all of them read does not.
    """

    @property
    @abstractmethod
    def matrix(self) -> Tensor:
        r"""What multiplies, :math:`(M, N)`, or a dense matrix for that matter."""

    @property
    @abstractmethod
    def transposed(self) -> Tensor:
        r"""Its transpose, :math:`(N, M)`, for the way back."""

    def __matmul__(self, x: Tensor) -> Tensor:
        return _Product.apply(x, self)


class Propagation(SparseMatrix):
    r"""The matrix of a graph convolution, shared by all layers of a network.

    .. math::
        \hat{\mathbf{P}} = \hat{\mathbf{D}}^{-1/2} \hat{\mathbf{A}}
            \hat{\mathbf{D}}^{-1/2}, \qquad
        \hat{\mathbf{A}} = \mathbf{A} + \mathbf{I}, \qquad
        \hat{D}_{ii} = \sum_j \hat{A}_{ij}

    PyG's layers normalise the graph anew, each for itself, and copy a row of
    features for every edge. A network of 64 layers multiplies by the same matrix 64
    times forward and 64 times by its transpose backward: here both are made once a
    forward pass, as compressed sparse rows.

    Args:
        edge_index (Tensor): :math:`(2, |E|)`, messages flow from row 0 to row 1.
        edge_weight (Tensor, optional): :math:`(|E|)`. One that needs a gradient is
            served by PyG's own message passing, and gets it.
        x (Tensor): Features, for their number of rows and their type.
    """

    def __init__(
        self, edge_index: Tensor, edge_weight: Tensor | None, x: Tensor
    ) -> None:
        self.num_nodes = x.size(0)
        self.edge_index, self.weight = gcn_norm(
            edge_index, edge_weight, self.num_nodes, dtype=x.dtype
        )

    @property
    def is_fixed(self) -> bool:
        """Whether the sparse product may stand for PyG's message passing."""
        return not self.weight.requires_grad and self.weight.dtype in _FAST

    @cached_property
    def matrix(self) -> Tensor:
        r""":math:`\hat{\mathbf{P}}`, one row a receiving node."""
        source, target = self.edge_index
        size = (self.num_nodes, self.num_nodes)
        return compressed_rows(target, source, self.weight, size)

    @cached_property
    def transposed(self) -> Tensor:
        r""":math:`\hat{\mathbf{P}}^{\top}`, for the way back."""
        source, target = self.edge_index
        size = (self.num_nodes, self.num_nodes)
        return compressed_rows(source, target, self.weight, size)


class _Product(torch.autograd.Function):
    # torch differentiates a sparse product too, but transposes the matrix each time.

    @staticmethod
    def forward(x: Tensor, graph: SparseMatrix) -> Tensor:
        return _times(graph.matrix, x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        _, ctx.graph = inputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _times(ctx.graph.transposed, gradient.contiguous()), None

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int, None], x: Tensor, graph: SparseMatrix
    ) -> tuple[Tensor, int]:
        if _take_turns(x, in_dims[0]):
            return _Product.apply(x.movedim(in_dims[0], 0).contiguous(), graph), 0
        # The columns of all networks side by side, (N, K, h).
        wide = x.movedim(in_dims[0], 1)
        out = _Product.apply(wide.flatten(1), graph)
        return out.view(out.size(0), *wide.shape[1:]), 1


def _take_turns(x: Tensor, networks: int) -> bool:
    columns = x.select(networks, 0).size(-1)
    return x.device.type == "cpu" and columns >= NARROW


def _times(matrix: Tensor, x: Tensor) -> Tensor:
    if x.dim() == 3:
        result = x.new_empty(x.size(0), matrix.size(0), x.size(2))
        for one, out in zip(x, result, strict=True):
            torch.addmm(out, matrix, one, beta=0, out=out)
        return result
    # As `matrix @ x`, which fills its result with zeros first and copies them.
    out = x.new_empty(matrix.size(0), x.size(1))
    return torch.addmm(out, matrix, x, beta=0, out=out)


def compressed_rows(
    row: Tensor, col: Tensor, value: Tensor, size: tuple[int, int]
) -> Tensor:
    """A sparse matrix of entries in any order; repeated ones add up.

    Args:
        row (Tensor): Row of each entry.
        col (Tensor): Its column.
        value (Tensor): Its value.
        size (tuple[int, int]): Rows and columns.

    Returns:
        Tensor: In compressed rows.
    """
    order = torch.argsort(row, stable=True)
    start = row.new_zeros(size[0] + 1)
    torch.cumsum(torch.bincount(row, minlength=size[0]), 0, out=start[1:])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support")
        return torch.sparse_csr_tensor(
            start, col[order], value[order], size, check_invariants=False
        )


def _propagate(
    self: pyg.MessagePassing, edge_index: Any, size: Any = None, **kwargs: Any
) -> Tensor:
    """Message passing of a layer that may be handed a :class:`Propagation`."""
    if isinstance(edge_index, Propagation):
        if edge_index.is_fixed:
            return edge_index @ kwargs["x"]
        kwargs["edge_weight"] = edge_index.weight
        edge_index = edge_index.edge_index
    return pyg.MessagePassing.propagate(self, edge_index, size=size, **kwargs)


class GCNConv(pyg.GCNConv):
    """PyG's layer; takes a :class:`Propagation` in the place of ``edge_index``."""

    propagate = _propagate


class GCN2Conv(pyg.GCN2Conv):
    """PyG's layer; takes a :class:`Propagation` in the place of ``edge_index``."""

    propagate = _propagate


class APPNPConv(pyg.APPNP):
    """PyG's layer; takes a :class:`Propagation` in the place of ``edge_index``."""

    propagate = _propagate


class SGConv(pyg.SGConv):
    """PyG's layer; takes a :class:`Propagation` in the place of ``edge_index``."""

    propagate = _propagate
