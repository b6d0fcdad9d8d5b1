"""Edges that carry the current between their ends."""

from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from graphllm.errors import GraphLLMError, TextGraphError, UnknownNameError
from graphllm.kernels.common_neighbors import count_common
from graphllm.kernels.edge_ends import both_ends
from graphllm.kernels.undirected import Ints, Undirected, undirected
from graphllm.sparsify.criteria.base import to_scores
from graphllm.sparsify.criteria.resistance_sketch import adjacency, sketched_resistance

Method = Literal["degree", "exact", "local", "jl"]
MAX_EXACT_NODES = 5000


def effective_resistance(
    edge_index: Tensor,
    num_nodes: int,
    x: Tensor | None = None,
    *,
    method: Method = "degree",
    seed: int = 0,
    num_proj: int | None = None,
) -> Tensor:
    r"""Effective resistance between both ends, each edge being a unit resistor.

    The criterion of `"Graph Sparsification by Effective Resistances"
    <https://arxiv.org/abs/0803.0929>`_ (2008) and of `"Graph Sparsification via Mixture
    of Graphs" <https://arxiv.org/abs/2405.14260>`_ (section 3).

    .. math::
        s_{ij} = (\mathbf{e}_i - \mathbf{e}_j)^{\top} \mathbf{L}^{+}
                 (\mathbf{e}_i - \mathbf{e}_j)

    with :math:`\mathbf{L}` the Laplacian of the graph without directions, self loops
    and repeated edges. It is the probability that the edge is in a uniform spanning
    tree: 1 for a bridge, little where there are many ways round. Components of the
    graph do not matter to each other.

    * ``"degree"``: :math:`p_{ij} = 1 / d_i + 1 / d_j`, close to it where random walks
      mix fast: :math:`p_{ij} / 2 \le s_{ij} \le p_{ij} / \lambda_2`, with
      :math:`\lambda_2` the spectral gap of the normalised Laplacian (Lovász, "Random
      Walks on Graphs", 1993, section 3).
    * ``"exact"``: by a dense inverse, in time :math:`O(N^3)`, for up to 5,000 nodes.
    * ``"local"``: the exact resistance within the subgraph induced by :math:`i`,
      :math:`j` and the nodes next to both, :math:`2 / (2 + |\mathcal{N}_i \cap
      \mathcal{N}_j|)`. Exchanging :math:`i` and :math:`j` maps that subgraph to itself,
      so all common neighbours are at half the voltage and no current flows between
      them: what is left are paths of two resistors beside the edge. Leaving out other
      ways round makes it an upper bound.
    * ``"jl"``: a Johnson-Lindenstrauss sketch by :math:`k` solutions of a Laplacian
      system, unbiased up to the precision of these, with a relative standard deviation
      of about :math:`\sqrt{2 / k}`.

    Args:
        edge_index (Tensor): :math:`(2, E)`.
        num_nodes (int): Number of nodes.
        x (Tensor, optional): Not read. (default: :obj:`None`)
        method (str, optional): ``"degree"``, ``"exact"``, ``"local"`` or ``"jl"``.
            (default: :obj:`"degree"`)
        seed (int, optional): Seed of the sketch. (default: :obj:`0`)
        num_proj (int, optional): The :math:`k` of the sketch.
            (default: :math:`\lceil 8 \ln N \rceil`)

    Returns:
        Tensor: :math:`(E)` ``float32``; 0 for a self loop.

    Raises:
        UnknownNameError: If there is no such method.
        GraphLLMError: If ``num_proj`` is not positive.
        TextGraphError: If the graph is too large for ``"exact"``, or an edge names a
            node that does not exist.
    """
    if method not in get_args(Method):
        raise UnknownNameError("resistance method", method, get_args(Method))
    if num_proj is not None and num_proj < 1:
        raise GraphLLMError(
            f"'num_proj' must be positive (got {num_proj}); 100 projections give a "
            "standard deviation of 14 %"
        )
    if method == "exact" and num_nodes > MAX_EXACT_NODES:
        raise TextGraphError(
            f"method 'exact' inverts a matrix of {num_nodes} x {num_nodes}, more than "
            f"{MAX_EXACT_NODES} nodes allow; use method 'jl', 'local' or 'degree'"
        )
    graph = undirected(edge_index, num_nodes)
    source, target = both_ends(edge_index, num_nodes)
    if method == "degree":
        inverse = (1.0 / np.maximum(graph.degree(), 1)).astype(np.float32)
        score = inverse[source] + inverse[target]
    elif method == "local":
        score = count_common(graph, source, target).astype(np.float32)
        score += 2.0
        np.divide(2.0, score, out=score)
    elif method == "exact":
        score = _exact(graph, source, target)
    else:
        count = num_proj or max(1, int(np.ceil(8 * np.log(max(num_nodes, 1)))))
        score = sketched_resistance(graph, source, target, count, seed)
    score[source == target] = 0.0
    return to_scores(score, edge_index)


def _exact(graph: Undirected, source: Ints, target: Ints) -> NDArray[np.float32]:
    """By the inverse of the Laplacian with the null space of each component filled."""
    if source.size == 0:
        return np.zeros(0, np.float32)
    matrix = adjacency(graph)
    _, component = connected_components(matrix, directed=False)
    size = np.bincount(component)
    laplacian = -matrix.toarray()
    np.fill_diagonal(laplacian, graph.degree())
    # The projector onto the null space does not see a difference within a component.
    laplacian += (component[:, None] == component) / size[component]
    factor = torch.linalg.cholesky(torch.from_numpy(laplacian))
    inverse = torch.cholesky_inverse(factor).numpy()
    own = np.diagonal(inverse)
    resistance = own[source] + own[target] - 2.0 * inverse[source, target]
    return resistance.astype(np.float32)
