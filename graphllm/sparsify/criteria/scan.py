"""Edges inside structural clusters."""

import numpy as np
from torch import Tensor

from graphllm.kernels.common_neighbors import count_common
from graphllm.kernels.edge_ends import both_ends
from graphllm.kernels.undirected import undirected
from graphllm.sparsify.criteria.base import to_scores


def scan(edge_index: Tensor, num_nodes: int, x: Tensor | None = None) -> Tensor:
    r"""Structural similarity of both ends.

    From `"SCAN: A Structural Clustering Algorithm for Networks"
    <https://dl.acm.org/doi/10.1145/1281192.1281280>`_ (KDD 2007, definition 2).

    .. math::
        s_{ij} = \frac{|\mathcal{N}_i \cap \mathcal{N}_j| + 1}
                      {\sqrt{(|\mathcal{N}_i| + 1)(|\mathcal{N}_j| + 1)}}

    in the graph without directions, self loops and repeated edges.

    .. note::
        SCAN counts each node among its own neighbours, which would put 2, not 1, into
        the numerator of an edge: both ends belong to both sets. This is the form with
        which graph sparsifiers are compared; it also scores pairs that are no edges.

    Args:
        edge_index (Tensor): :math:`(2, E)`.
        num_nodes (int): Number of nodes.
        x (Tensor, optional): Not read. (default: :obj:`None`)

    Returns:
        Tensor: :math:`(E)` ``float32``, in :math:`(0, 1]`.

    Raises:
        TextGraphError: If an edge names a node that does not exist.
    """
    graph = undirected(edge_index, num_nodes)
    source, target = both_ends(edge_index, num_nodes)
    score = count_common(graph, source, target).astype(np.float32)
    score += 1.0
    root = np.sqrt(graph.degree() + 1).astype(np.float32)
    score /= root[source] * root[target]
    return to_scores(score, edge_index)
