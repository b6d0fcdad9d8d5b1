"""PNA: several aggregators, scaled by degree."""

from collections.abc import Sequence
from typing import Any

import torch
import torch_geometric.nn as pyg
from torch import Tensor
from torch_geometric.utils import degree

AGGREGATORS = ("mean", "min", "max", "std")
SCALERS = ("identity", "amplification", "attenuation")


class PNA(pyg.PNA):
    r"""A GNN with four aggregators and three scalers.

    `"Principal Neighbourhood Aggregation for Graph Nets"
    <https://arxiv.org/abs/2004.05718>`_, equation 8: a node concatenates mean,
    minimum, maximum and standard deviation of its messages, each scaled by

    .. math::
        1, \qquad \frac{\log(d_i + 1)}{\delta}, \qquad \frac{\delta}{\log(d_i + 1)},
        \qquad
        \delta = \frac{1}{|V|} \sum_{i \in V} \log(d_i + 1) .

    The average :math:`\delta` belongs to the training graph. Without ``deg`` it is
    measured on the first graph with an edge that the network runs on, then kept: it
    is part of the ``state_dict``, and :meth:`reset_parameters` has it measured anew.

    Args:
        in_channels (int): Size of each input feature vector.
        hidden_channels (int): Size of each hidden layer.
        num_layers (int): Number of layers.
        out_channels (int, optional): Size of the output; else
            ``hidden_channels``. (default: :obj:`None`)
        deg (Tensor, optional): Number of nodes of in-degree 0, 1, 2, ... of the
            training graph. (default: :obj:`None`)
        aggregators (Sequence[str], optional): Names of PyG's aggregators.
            (default: mean, min, max, std)
        scalers (Sequence[str], optional): Names of PyG's scalers.
            (default: identity, amplification, attenuation)
        **kwargs (object): Of PyG's ``PNA``, for example ``dropout`` or ``towers``.

    Shapes:
        - **x:** :math:`(|V|, F)`
        - **edge_index:** :math:`(2, |E|)`
        - **output:** :math:`(|V|, C)`
    """

    measured: Tensor

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        num_layers: int,
        out_channels: int | None = None,
        deg: Tensor | None = None,
        aggregators: Sequence[str] = AGGREGATORS,
        scalers: Sequence[str] = SCALERS,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            in_channels,
            hidden_channels,
            num_layers,
            out_channels,
            aggregators=list(aggregators),
            scalers=list(scalers),
            # Until measured: as if every node had one neighbour.
            deg=torch.tensor([0, 1]) if deg is None else deg,
            **kwargs,
        )
        self._measures = deg is None
        self.register_buffer("measured", torch.tensor(deg is not None))

    def reset_parameters(self) -> None:
        """Initialise every layer afresh."""
        super().reset_parameters()
        self.measured.fill_(not self._measures)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """Class scores of every node."""
        if not self.measured:
            self.measure(edge_index, x.size(0))
        return super().forward(x, edge_index)

    def measure(self, edge_index: Tensor, num_nodes: int) -> None:
        r"""Take :math:`\delta` from a graph, unless ``deg`` was given.

        The first forward pass does it by itself. Call it before when that pass sees
        a sampled neighbourhood, whose outermost nodes have no neighbours.

        Args:
            edge_index (Tensor): :math:`(2, |E|)`; nothing happens without edges.
            num_nodes (int): :math:`|V|`.
        """
        if not self._measures or not edge_index.size(1):
            return
        dtype = torch.get_default_dtype()
        degrees = degree(edge_index[1], num_nodes, dtype=dtype)
        for conv in self.convs:
            conv.aggr_module.avg_deg_lin.data.fill_(degrees.mean())
            conv.aggr_module.avg_deg_log.data.fill_(degrees.log1p().mean())
        self.measured.fill_(True)
