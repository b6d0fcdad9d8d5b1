"""Products that networks on one graph share, made once."""

import warnings
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

import torch
import torch.nn.functional as F
import torch_geometric.nn as pyg
from torch import Tensor, nn

from graphllm.models.propagation import SparseMatrix, compressed_rows

# Bag-of-words features have about one entry in a hundred.
_SPARSE = 0.05


class Fixed(SparseMatrix):
    """A matrix that is given, dense or in compressed rows."""

    def __init__(self, matrix: Tensor) -> None:
        self._matrix = matrix

    @property
    def matrix(self) -> Tensor:
        """The matrix."""
        return self._matrix

    @cached_property
    def transposed(self) -> Tensor:
        """Its transpose."""
        if self.matrix.layout == torch.strided:
            return self.matrix.t()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sparse CS. tensor support")
            return self.matrix.t().to_sparse_csr()


def features(x: Tensor) -> Fixed:
    """Features as a factor, in compressed rows where nearly all entries are zero."""
    if int(x.count_nonzero()) >= _SPARSE * x.numel():
        return Fixed(x)
    row, col = x.nonzero().t()
    return Fixed(compressed_rows(row, col, x[row, col], (x.size(0), x.size(1))))


def neighbor_mean(edge_index: Tensor, x: Tensor) -> Fixed:
    r"""The mean over the edges that point to a node, as GraphSAGE takes it.

    .. math::
        M_{i j} = \frac{|\{ e \in E : e = (j, i) \}|}{\max(1, |\{ (k, i) \in E \}|)}

    Args:
        edge_index (Tensor): :math:`(2, |E|)`.
        x (Tensor): Features, for their number of rows and their type.
    """
    (source, target), size = edge_index, x.size(0)
    count = torch.bincount(target, minlength=size).to(x.dtype)
    weight = count.reciprocal()[target]
    return Fixed(compressed_rows(target, source, weight, (size, size)))


def some_rows(matrix: Tensor, rows: Tensor) -> tuple[Fixed, Tensor]:
    """Rows of a matrix, and the columns that they have entries in.

    Args:
        matrix (Tensor): In compressed rows.
        rows (Tensor): Numbers of rows, ascending.

    Returns:
        tuple[Fixed, Tensor]: The rows without their empty columns, and the numbers of
        the columns that are left.
    """
    start, degree = matrix.crow_indices()[rows], matrix.crow_indices().diff()[rows]
    row = torch.arange(rows.numel(), device=rows.device).repeat_interleave(degree)
    first = degree.cumsum(0) - degree
    slot = torch.arange(row.numel(), device=rows.device) + (start - first)[row]
    cols, col = matrix.col_indices()[slot].unique(return_inverse=True)
    size = (rows.numel(), cols.numel())
    return Fixed(compressed_rows(row, col, matrix.values()[slot], size)), cols


def share_products(model: nn.Module, x: Tensor, edge_index: Tensor) -> nn.Module:
    """Let a network multiply by the graph and its features as stored, in place.

    GraphSAGE multiplies by one sparse matrix instead of copying a row an edge, and a
    linear layer that reads the features themselves, or their mean over neighbours,
    skips their zeros. Under ``vmap``, all networks share each product. Parameters and
    output, to rounding, stay what they were, on this graph; on another the network
    must not be used.

    Args:
        model (torch.nn.Module): The network.
        x (Tensor): The features that it will be called with.
        edge_index (Tensor): The edges that it will be called with.

    Returns:
        torch.nn.Module: The same network.
    """
    known = [(x, features(x))]
    means = [conv for conv in model.modules() if is_mean(conv)]
    if means:
        mean = neighbor_mean(edge_index, x)
        smooth = mean.matrix @ x
        known.append((smooth, features(smooth)))

        def propagate(ends: Tensor, x: tuple[Tensor, Tensor], size: Any) -> Tensor:
            return smooth if x[0] is known[0][0] else mean @ x[0]

        for conv in means:
            override(conv, "propagate", propagate)
    for module in model.modules():
        if isinstance(module, nn.Linear | pyg.Linear):
            override(module, "forward", partial(_linear, module, known))
    return model


def is_mean(conv: nn.Module) -> bool:
    """Whether it is the plain convolution of GraphSAGE."""
    return (
        isinstance(conv, pyg.SAGEConv)
        and conv.aggr == "mean"
        and not (conv.project or conv.normalize)
    )


def override(module: nn.Module, method: str, function: Callable[..., Tensor]) -> None:
    """Put a function in the place of a method of one module."""
    module.__dict__[method] = function


def _linear(layer: nn.Linear, known: list[tuple[Tensor, Fixed]], x: Tensor) -> Tensor:
    for tensor, factor in known:
        if x is tensor:
            out = factor @ layer.weight.t()
            return out if layer.bias is None else out + layer.bias
    return F.linear(x, layer.weight, layer.bias)
