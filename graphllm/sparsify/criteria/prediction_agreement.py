"""Edges whose ends a network takes for the same class."""

import torch
from torch import Tensor, nn

from graphllm.errors import TextGraphError
from graphllm.kernels.edge_ends import check_edges
from graphllm.sparsify.base import evaluating
from graphllm.sparsify.criteria.base import Criterion
from graphllm.sparsify.criteria.edge_dot import edge_dot


def prediction_agreement(gnn: nn.Module) -> Criterion:
    r"""Make a criterion of how likely both ends of an edge are of one class.

    .. math::
        s_{ij} = \mathbf{p}_i^{\top} \mathbf{p}_j, \qquad
        \mathbf{p}_i = \mathrm{softmax}(f(\mathbf{X}, \mathcal{E})_i)

    with :math:`f` the network on the whole graph. An edge between two classes mixes
    what a GNN is to tell apart; where labels are few, the network's own predictions
    are the best guess at which edges these are. Not one of the paper's criteria. One
    forward pass in evaluation mode; the network's mode is restored.

    Args:
        gnn (torch.nn.Module): Called as ``gnn(x, edge_index)``; returns
            :math:`(N, C)` logits. Trained a while: before, it agrees about nothing.

    Returns:
        Criterion: Needs ``x``.
    """

    def criterion(
        edge_index: Tensor, num_nodes: int, x: Tensor | None = None
    ) -> Tensor:
        if x is None:
            raise TextGraphError(
                "'prediction_agreement' needs node features, but 'x' is None; add "
                "them to the graph or choose another criterion"
            )
        check_edges(edge_index, num_nodes)
        with evaluating(gnn), torch.no_grad():
            probability = gnn(x, edge_index).softmax(dim=-1)
        return edge_dot(probability, edge_index).float()

    return criterion
