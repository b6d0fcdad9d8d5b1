"""Edges between nodes that have their neighbours in common."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from graphllm.kernels.common_neighbors import count_common
from graphllm.kernels.edge_ends import both_ends
from graphllm.kernels.undirected import Nodes, Undirected, undirected
from graphllm.sparsify.criteria.base import to_scores


def jaccard(edge_index: Tensor, num_nodes: int, x: Tensor | None = None) -> Tensor:
    r"""Share of common neighbours among those of both ends.

    The Jaccard criterion of `"Graph Sparsification via Mixture of Graphs"
    <https://arxiv.org/abs/2405.14260>`_ (section 3).

    .. math::
        s_{ij} = \frac{|\mathcal{N}_i \cap \mathcal{N}_j|}
                      {|\mathcal{N}_i \cup \mathcal{N}_j|}

    with :math:`\mathcal{N}_i` the neighbours of :math:`i`, without :math:`i` itself,
    in the graph without directions, self loops and repeated edges. A self loop gets 1,
    or 0 where the node has no neighbour.

    Args:
        edge_index (Tensor): :math:`(2, E)`.
        num_nodes (int): Number of nodes.
        x (Tensor, optional): Not read. (default: :obj:`None`)

    Returns:
        Tensor: :math:`(E)` ``float32``, in :math:`[0, 1]`.

    Raises:
        TextGraphError: If an edge names a node that does not exist.
    """
    graph = undirected(edge_index, num_nodes)
    ends = both_ends(edge_index, num_nodes)
    return to_scores(jaccard_of(graph, *ends), edge_index)


def jaccard_of(graph: Undirected, source: Nodes, target: Nodes) -> NDArray[np.float32]:
    """The same for edges of a graph that is grouped already.

    Args:
        graph (Undirected): The graph.
        source (NDArray): :math:`(E)` node ids.
        target (NDArray): :math:`(E)` node ids.

    Returns:
        NDArray: :math:`(E)` ``float32``.
    """
    common = count_common(graph, source, target)
    degree = graph.degree().astype(np.int32)
    union = degree[source] + degree[target]
    union -= common
    np.maximum(union, 1, out=union)
    return np.divide(common, union, dtype=np.float32)
