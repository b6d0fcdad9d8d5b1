"""Edges between nodes of many neighbours."""

import numpy as np
from torch import Tensor

from graphllm.kernels.edge_ends import both_ends
from graphllm.kernels.undirected import undirected
from graphllm.sparsify.criteria.base import to_scores


def degree(edge_index: Tensor, num_nodes: int, x: Tensor | None = None) -> Tensor:
    r"""Mean degree of both ends.

    The degree criterion of `"Graph Sparsification via Mixture of Graphs"
    <https://arxiv.org/abs/2405.14260>`_ (section 3).

    .. math::
        s_{ij} = \tfrac{1}{2} (|\mathcal{N}_i| + |\mathcal{N}_j|)

    with :math:`\mathcal{N}_i` the neighbours of :math:`i` in the graph without
    directions, self loops and repeated edges.

    Args:
        edge_index (Tensor): :math:`(2, E)`.
        num_nodes (int): Number of nodes.
        x (Tensor, optional): Not read. (default: :obj:`None`)

    Returns:
        Tensor: :math:`(E)` ``float32``.

    Raises:
        TextGraphError: If an edge names a node that does not exist.
    """
    half = (undirected(edge_index, num_nodes).degree() / 2).astype(np.float32)
    source, target = both_ends(edge_index, num_nodes)
    return to_scores(half[source] + half[target], edge_index)
