"""PyG's GCN, with the graph normalised once a forward pass."""

from typing import Any

import torch
import torch_geometric.nn as pyg
from torch import Tensor
from torch_geometric.nn.models.basic_gnn import BasicGNN

from graphllm.models.propagation import GCNConv, Propagation

# With and without a language model, in training and evaluation.
MAX_GRAPHS = 4


class GCN(pyg.GCN):
    """PyG's ``GCN``, about twice as fast on a whole graph.

    The same network, parameters and output to rounding: ``torch_geometric.nn.GCN``
    normalises the graph anew in every layer and copies a row of features for every
    edge; this one makes a sparse matrix once, see
    :class:`graphllm.models.propagation.Propagation`, and keeps the last few for as
    long as it is given the same, unchanged tensors. Arguments, ``state_dict`` and
    initial parameters are PyG's. What the matrix cannot stand for, convolutions with
    options of their own, sampled hops that are trimmed and sparse adjacencies, goes
    PyG's way.

    Args:
        *args (object): Of ``torch_geometric.nn.GCN``.
        **kwargs (object): Of ``torch_geometric.nn.GCN``.

    Shapes:
        - **x:** :math:`(|V|, F)`
        - **edge_index:** :math:`(2, |E|)`
        - **edge_weight:** :math:`(|E|)`, optional
        - **output:** :math:`(|V|, C)`
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._known: list[tuple[Any, Tensor, Tensor | None, Propagation]] = []

    def init_conv(self, in_channels: int, out_channels: int, **kwargs: Any) -> GCNConv:
        """One convolution."""
        return GCNConv(in_channels, out_channels, **kwargs)

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        edge_weight: Tensor | None = None,
        **kwargs: Any,
    ) -> Tensor:
        """Class scores of every node."""
        if kwargs or not self._is_standard() or not _takes_matrix(x, edge_index):
            return BasicGNN.forward(self, x, edge_index, edge_weight, **kwargs)
        return BasicGNN.forward(self, x, self._graph(x, edge_index, edge_weight))

    def __getstate__(self) -> dict[str, Any]:
        """Without the graphs: copies and files are of the network alone."""
        return {**self.__dict__, "_known": []}

    def _graph(
        self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None
    ) -> Propagation:
        """The matrix of these very tensors, made now or a few passes ago."""
        weight_version = -1 if edge_weight is None else edge_weight._version
        key = (x.size(0), x.dtype, edge_index._version, weight_version)
        for known, ends, weight, graph in self._known:
            # The tensors themselves: equal addresses could be of others by now.
            if known == key and ends is edge_index and weight is edge_weight:
                return graph
        graph = Propagation(edge_index, edge_weight, x)
        if graph.is_fixed:
            entry = (key, edge_index, edge_weight, graph)
            self._known = [*self._known, entry][-MAX_GRAPHS:]
        return graph

    def _is_standard(self) -> bool:
        return all(
            conv.normalize
            and conv.add_self_loops
            and not (conv.cached or conv.improved)
            and conv.flow == "source_to_target"
            for conv in self.convs
        )


def _takes_matrix(x: Tensor, edge_index: Any) -> bool:
    """Whether torch's sparse product can stand for PyG's message passing here."""
    return (
        isinstance(edge_index, Tensor)
        and x.dim() == 2
        and not edge_index.is_inference()
        and not torch.is_autocast_enabled(x.device.type)
    )
