"""One layer of a network, for some nodes alone."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
import torch_geometric.nn as pyg
from torch import Tensor, nn

from graphllm.experiments.ladling.products import (
    Fixed,
    features,
    is_mean,
    neighbor_mean,
    some_rows,
)
from graphllm.models.propagation import GCNConv, Propagation
from graphllm.soup import StateDict


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

    def forward(self) -> Callable[..., Tensor]:
        """A function in the place of the layer's own ``forward``."""
        layer: Any = self.module
        rows = self.rows
        if isinstance(layer, nn.Linear | pyg.Linear):
            return lambda h: F.linear(h[rows], layer.weight, layer.bias)
        cols = self.cols

        def gcn(h: Tensor, *args: Any, **kwargs: Any) -> Tensor:
            out = self.edges @ layer.lin(h[cols])
            return out if layer.bias is None else out + layer.bias

        def sage(h: Tensor, *args: Any, **kwargs: Any) -> Tensor:
            out = layer.lin_l(self.edges @ h[cols])
            return out + layer.lin_r(h[rows]) if layer.root_weight else out

        return gcn if isinstance(layer, GCNConv) else sage


def outputs_of_first(
    name: str, layer: LastLayer, x: Tensor, states: Sequence[StateDict]
) -> Tensor:
    r"""What the first convolution of several networks returns, in one pass.

    A bag of words stays sparse and meets the weights first, and the graph is read once
    for all networks; other features meet the graph first, also once for all:

    .. math::
        \hat{\mathbf{P}} \, (\mathbf{X} \, [\mathbf{W}_1 \,|\, \dots \,|\,
        \mathbf{W}_K])
        \qquad \mathrm{or} \qquad
        (\hat{\mathbf{P}} \mathbf{X}) \, \mathbf{W}_k

    Args:
        name (str): Name of the convolution, of GCN or GraphSAGE.
        layer (LastLayer): The convolution and the rows that are wanted.
        x (Tensor): Features, :math:`(|V|, F)`.
        states (Sequence[StateDict]): Weights of each network.

    Returns:
        Tensor: :math:`(K, M, H)`.
    """

    def stacked(entry: str) -> Tensor:
        return torch.stack([state[f"{name}.{entry}"] for state in states])

    module: Any = layer.module
    if isinstance(module, GCNConv):
        factors = [layer.edges, features(x[layer.cols])]
        if factors[1].matrix.layout == torch.strided:
            factors = [Fixed(layer.edges @ factors[1].matrix)]
        out = _wide(stacked("lin.weight"), *factors)
        return out if module.bias is None else out + stacked("bias").unsqueeze(1)
    out = _wide(stacked("lin_l.weight"), features(layer.edges @ x[layer.cols]))
    if module.root_weight:
        out = out + _wide(stacked("lin_r.weight"), features(x[layer.rows]))
    if module.lin_l.bias is None:
        return out
    return out + stacked("lin_l.bias").unsqueeze(1)


def _wide(weights: Tensor, *factors: Fixed) -> Tensor:
    """A product of matrices, times each of several more, :math:`(K, M, H)`."""
    *outer, inner = factors
    if not outer and inner.matrix.layout == torch.strided:
        return inner.matrix @ weights.transpose(1, 2)
    out = weights.flatten(0, 1).t()
    for factor in reversed(factors):
        out = factor @ out
    return out.view(-1, *weights.shape[:2]).transpose(0, 1).contiguous()
