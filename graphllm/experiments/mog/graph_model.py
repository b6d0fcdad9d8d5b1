"""A network that classifies whole graphs, behind a sparsifier or not."""

from copy import copy
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.nn import global_add_pool, global_mean_pool

from graphllm.errors import GraphLLMError, UnknownNameError
from graphllm.sparsify.base import evaluating
from graphllm.sparsify.sparsified import SparsifiedGNN

Pooling = Literal["mean", "sum"]


class GraphClassifier(nn.Module):
    r"""Embeds the nodes, passes messages, pools, and classifies.

    .. math::
        \mathbf{H} = \mathrm{GNN}(\mathrm{enc}(\mathbf{X}), \hat{\mathcal{E}}), \qquad
        \mathbf{o}_g = \mathbf{W} \, \mathrm{pool}_{i \in g} \, \mathbf{h}_i
            + \mathbf{b}

    A sparsifier reads the embedded features :math:`\mathrm{enc}(\mathbf{X})`, too, and
    is told the graph of each node. Edge features are not read.

    Args:
        encoder (torch.nn.Module): From ``x`` to :math:`(|V|, H)`.
        gnn (torch.nn.Module): A network from :math:`(|V|, H)` to :math:`(|V|, H)`, or
            a :class:`~graphllm.sparsify.SparsifiedGNN` of one, such as
            :class:`~graphllm.sparsify.MoG`.
        hidden_channels (int): :math:`H`.
        num_classes (int): :math:`C`.
        pooling (str, optional): ``"mean"`` or ``"sum"`` of the nodes.
            (default: :obj:`"mean"`)

    Shapes:
        - **input:** a batch of :math:`B` graphs, with ``edge_prior`` if they have it
        - **output:** :math:`(B, C)`

    Raises:
        UnknownNameError: If there is no such pooling.
    """

    def __init__(
        self,
        encoder: nn.Module,
        gnn: nn.Module,
        hidden_channels: int,
        num_classes: int,
        pooling: Pooling = "mean",
    ) -> None:
        super().__init__()
        if pooling not in get_args(Pooling):
            raise UnknownNameError("pooling", pooling, get_args(Pooling))
        self.encoder = encoder
        self.gnn = gnn
        self.head = nn.Linear(hidden_channels, num_classes)
        self.pooling = pooling

    def forward(self, data: Data, thin: bool = True) -> Tensor:
        """Class scores of every graph.

        Args:
            data (Data): A batch of graphs.
            thin (bool, optional): Whether a sparsifier is asked at all.
                (default: :obj:`True`)
        """
        x = self.encoder(data.x)
        if not isinstance(self.gnn, SparsifiedGNN):
            x = self.gnn(x, data.edge_index)
        elif not thin:
            x = self.gnn.gnn(x, data.edge_index)
        else:
            prior, batch = data.get("edge_prior"), data.get("batch")
            x = self.gnn(x, data.edge_index, edge_prior=prior, batch=batch)
        pool = global_mean_pool if self.pooling == "mean" else global_add_pool
        return self.head(pool(x, data.get("batch")))

    def sparsify(self, data: Data) -> Data:
        """The graphs with the edges that are kept, their features as they were.

        Args:
            data (Data): A batch of graphs.

        Raises:
            GraphLLMError: If there is no sparsifier.
        """
        if not isinstance(self.gnn, SparsifiedGNN):
            raise GraphLLMError(
                f"'{type(self.gnn).__name__}' keeps every edge; wrap it in a "
                "SparsifiedGNN"
            )
        embedded = copy(data)
        with evaluating(self), torch.no_grad():
            embedded.x = self.encoder(data.x)
            sparse = self.gnn.sparsify(embedded)
        sparse.x = data.x
        return sparse
