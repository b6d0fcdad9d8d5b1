"""Edges that lead to the hubs of a neighbourhood."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from graphllm.kernels.edge_ends import both_ends
from graphllm.kernels.row_rank import row_rank
from graphllm.kernels.undirected import Ids, Undirected, undirected
from graphllm.sparsify.criteria.base import best_of_both_ends, to_scores


def local_degree(edge_index: Tensor, num_nodes: int, x: Tensor | None = None) -> Tensor:
    r"""Rank of one end among the neighbours of the other one, by degree.

    From `"Structure-Preserving Sparsification Methods for Social Networks"
    <https://arxiv.org/abs/1601.00286>`_ (2016).

    .. math::
        s_{ij} = \max \left( 1 - \frac{\log r_i(j)}{\log d_i},
                             1 - \frac{\log r_j(i)}{\log d_j} \right)

    with :math:`d_i` the degree of :math:`i` and :math:`r_i(j)` the rank of :math:`j`
    among the neighbours of :math:`i`, by falling degree from 1 on. The only neighbour
    of a node gets 1. Keeping the edges above :math:`1 - \alpha` keeps the first
    :math:`d_i^{\alpha}` neighbours of every node.

    .. note::
        Neighbours of equal degree share the best of their ranks, so that the score
        does not depend on how nodes are numbered. A self loop gets 0.

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
    degree = graph.degree().astype(np.int32)
    value = rank_exponent(graph, row_rank(graph.indptr, degree[graph.indices]))
    ends = both_ends(edge_index, num_nodes)
    return to_scores(best_of_both_ends(value, graph, *ends), edge_index)


def rank_exponent(graph: Undirected, rank: Ids) -> NDArray[np.float32]:
    r"""Turn ranks into :math:`1 - \log r / \log d`, 1 where there is one neighbour.

    Args:
        graph (Undirected): The graph.
        rank (NDArray): The rank of each slot in its row, from 1 on.

    Returns:
        NDArray: ``float32``, a number a slot.
    """
    degree = graph.degree()
    # The first of one is at log(1) / log(2) too.
    scale = (1.0 / np.log(np.maximum(degree, 2))).astype(np.float32)
    value = np.log(rank, dtype=np.float32)
    value *= np.repeat(-scale, degree)
    value += 1.0
    # Rounding can leave the last rank a little below zero.
    return np.maximum(value, 0.0, out=value)
