"""Edges to the most similar of the neighbours."""

import numpy as np
from torch import Tensor

from graphllm.kernels.edge_ends import both_ends
from graphllm.kernels.row_rank import row_rank
from graphllm.kernels.undirected import undirected
from graphllm.sparsify.criteria.base import best_of_both_ends, to_scores
from graphllm.sparsify.criteria.jaccard import jaccard_of
from graphllm.sparsify.criteria.local_degree import rank_exponent


def local_similarity(
    edge_index: Tensor, num_nodes: int, x: Tensor | None = None
) -> Tensor:
    r"""Rank of one end among the neighbours of the other one, by Jaccard similarity.

    From `"Local Graph Sparsification for Scalable Clustering"
    <https://dl.acm.org/doi/10.1145/1989323.1989399>`_ (SIGMOD 2011), as a score.

    .. math::
        s_{ij} = \max \left( 1 - \frac{\log r_i(j)}{\log d_i},
                             1 - \frac{\log r_j(i)}{\log d_j} \right)

    with :math:`r_i(j)` the rank of :math:`j` among the neighbours of :math:`i`, by
    falling :func:`~graphllm.sparsify.criteria.jaccard` similarity to :math:`i`.

    .. note::
        Exact similarities, where the authors estimate them by min-wise hashing.
        Neighbours of equal similarity share the best of their ranks. A self loop
        gets 0.

    Args:
        edge_index (Tensor): :math:`(2, E)`; read as undirected, self loops and
            repetitions do not count.
        num_nodes (int): Number of nodes.
        x (Tensor, optional): Not read. (default: :obj:`None`)

    Returns:
        Tensor: :math:`(E)` ``float32``, in :math:`[0, 1]`.

    Raises:
        TextGraphError: If an edge names a node that does not exist.
    """
    graph = undirected(edge_index, num_nodes)
    owner = np.repeat(np.arange(num_nodes, dtype=np.int32), graph.degree())
    similarity = jaccard_of(graph, owner, graph.indices)
    value = rank_exponent(graph, row_rank(graph.indptr, similarity))
    ends = both_ends(edge_index, num_nodes)
    return to_scores(best_of_both_ends(value, graph, *ends), edge_index)
