"""Edges between nodes that say the same."""

import torch.nn.functional as F
from torch import Tensor

from graphllm.errors import TextGraphError
from graphllm.kernels.edge_ends import check_edges
from graphllm.sparsify.criteria.edge_dot import edge_dot


def feature_cosine(
    edge_index: Tensor, num_nodes: int, x: Tensor | None = None
) -> Tensor:
    r"""Cosine of the features of both ends.

    .. math::
        s_{ij} = \frac{\mathbf{x}_i^{\top} \mathbf{x}_j}
                      {\lVert \mathbf{x}_i \rVert \, \lVert \mathbf{x}_j \rVert}

    and 0 where one of them is zero. Edges are taken in chunks, so that no matrix with
    a row for each edge is held.

    Args:
        edge_index (Tensor): :math:`(2, E)`.
        num_nodes (int): Number of nodes.
        x (Tensor, optional): :math:`(N, F)`; needed. (default: :obj:`None`)

    Returns:
        Tensor: :math:`(E)` ``float32``, in :math:`[-1, 1]` up to rounding.

    Raises:
        TextGraphError: If there are no features, or not one row a node.
    """
    if x is None:
        raise TextGraphError(
            "'feature_cosine' needs node features, but 'x' is None; add them to the "
            "graph or choose another criterion"
        )
    if x.dim() != 2 or x.size(0) != num_nodes:
        raise TextGraphError(
            f"'x' must have shape ({num_nodes}, num_features) (got "
            f"{tuple(x.shape)}); give one row a node"
        )
    check_edges(edge_index, num_nodes)
    unit = F.normalize(x.detach().float(), dim=1)
    return edge_dot(unit, edge_index)
