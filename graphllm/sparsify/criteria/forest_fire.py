"""Edges along which fires spread."""

import numpy as np
from torch import Tensor

from graphllm.errors import GraphLLMError
from graphllm.kernels.edge_ends import both_ends
from graphllm.kernels.forest_fire import burn
from graphllm.kernels.sample import stream_key
from graphllm.kernels.undirected import slots_of, undirected
from graphllm.sparsify.criteria.base import to_scores


def forest_fire(
    edge_index: Tensor,
    num_nodes: int,
    x: Tensor | None = None,
    *,
    seed: int = 0,
    burn_probability: float = 0.6,
    burns_per_edge: float = 5.0,
) -> Tensor:
    r"""How often an edge burns in random fires.

    From `"Structure-Preserving Sparsification Methods for Social Networks"
    <https://arxiv.org/abs/1601.00286>`_ (2016), after the forest fire model of graph
    growth (Leskovec, Kleinberg and Faloutsos, KDD 2005). A fire starts at a random
    node; each node that it reaches sets fire to :math:`k` of its neighbours that have
    not burnt yet, with :math:`P(k) = (1 - p) p^k`, and the edges to them burn. New
    fires start until edges have burnt :math:`t` times on average:

    .. math::
        s_{ij} = b_{ij} / \max_{uv} b_{uv}

    with :math:`b_{ij}` the number of fires in which edge :math:`ij` has burnt.

    Args:
        edge_index (Tensor): :math:`(2, E)`; read as undirected, self loops and
            repetitions do not count.
        num_nodes (int): Number of nodes.
        x (Tensor, optional): Not read. (default: :obj:`None`)
        seed (int, optional): Seed. (default: :obj:`0`)
        burn_probability (float, optional): The probability :math:`p`.
            (default: :obj:`0.6`)
        burns_per_edge (float, optional): The average :math:`t`. (default: :obj:`5.0`)

    Returns:
        Tensor: :math:`(E)` ``float32``, in :math:`[0, 1]`; 0 for a self loop.

    Raises:
        GraphLLMError: If an option is out of range.
        TextGraphError: If an edge names a node that does not exist.
    """
    if not 0.0 < burn_probability < 1.0:
        raise GraphLLMError(
            f"'burn_probability' must be between 0 and 1 (got {burn_probability}); "
            "at 0 nothing burns, at 1 everything does"
        )
    if not 0.0 < burns_per_edge < 2**20:
        raise GraphLLMError(
            f"'burns_per_edge' must be above 0 and below {2**20} (got "
            f"{burns_per_edge}); 5 is usual"
        )
    graph = undirected(edge_index, num_nodes)
    num_burns = int(np.ceil(burns_per_edge * (graph.indices.size // 2)))
    burns = burn(graph, burn_probability, num_burns, stream_key(seed))
    source, target = both_ends(edge_index, num_nodes)
    score = np.zeros(source.size, np.float32)
    if burns.size:
        score += burns[slots_of(graph, source, target)]
        score += burns[slots_of(graph, target, source)]
        score[source == target] = 0.0
    return to_scores(score / max(float(score.max(initial=0.0)), 1.0), edge_index)
