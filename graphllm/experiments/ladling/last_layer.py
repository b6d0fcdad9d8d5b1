"""The last layer of a network, for some nodes alone."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
import torch_geometric.nn as pyg
from torch import Tensor, nn

from graphllm.experiments.ladling.products import is_mean, neighbor_mean, some_rows
from graphllm.models.propagation import GCNConv, Propagation


def can_shorten(module: nn.Module) -> bool:
    """Whether :class:`LastLayer` knows how to compute some of its rows alone."""
    if isinstance(module, GCNConv):
        return module.normalize and module.add_self_loops and not module.improved
    return isinstance(module, nn.Linear | pyg.Linear) or is_mean(module)


class LastLayer:
    """Output rows of one layer, and the input rows that they need.

    Args:
        module (torch.nn.Module): A linear layer, or a convolution of GCN or GraphSAGE.
        x (Tensor): Features of the graph, for their number of rows and their type.
        edge_index (Tensor): Its edges.
        rows (Tensor): Nodes whose output is wanted, ascending.
    """

    def __init__(
        self, module: nn.Module, x: Tensor, edge_index: Tensor, rows: Tensor
    ) -> None:
        self.module = module
        self.rows = self.needed = rows
        if isinstance(module, GCNConv):
            matrix = Propagation(edge_index, None, x).matrix
            self.edges, self.cols = some_rows(matrix, rows)
            self.needed = self.cols
        elif isinstance(module, pyg.SAGEConv):
            matrix = neighbor_mean(edge_index, x).matrix
            self.edges, self.cols = some_rows(matrix, rows)
            self.needed = torch.cat([self.cols, rows]).unique()

    def forward(self, given: Tensor | None = None) -> Callable[..., Tensor]:
        """A function in the place of the layer's own ``forward``.

        Args:
            given (Tensor, optional): Nodes that its input has a row for, ascending,
                among them all that are needed; every node when not given.
        """

        def place(nodes: Tensor) -> Tensor | slice:
            if given is None:
                return nodes
            same = torch.equal(given, nodes)
            return slice(None) if same else torch.searchsorted(given, nodes)

        layer: Any = self.module
        rows = place(self.rows)
        if isinstance(layer, nn.Linear | pyg.Linear):
            return lambda h: F.linear(h[rows], layer.weight, layer.bias)
        cols = place(self.cols)

        def gcn(h: Tensor, *args: Any, **kwargs: Any) -> Tensor:
            out = self.edges @ layer.lin(h[cols])
            return out if layer.bias is None else out + layer.bias

        def sage(h: Tensor, *args: Any, **kwargs: Any) -> Tensor:
            out = layer.lin_l(self.edges @ h[cols])
            return out + layer.lin_r(h[rows]) if layer.root_weight else out

        return gcn if isinstance(layer, GCNConv) else sage
