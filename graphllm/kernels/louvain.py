"""Communities of a graph by moving nodes while the modularity grows."""

import numba
import numpy as np
from scipy.sparse import csr_array

MAX_SWEEPS = 50
# In units of edge weight: below it, two gains differ by rounding only.
MIN_GAIN = 1e-9


def louvain(adjacency: csr_array) -> np.ndarray:
    r"""Partition a weighted undirected graph into communities.

    From `"Fast unfolding of communities in large networks"
    <https://arxiv.org/abs/0803.0476>`_ (2008). Nodes in ascending order move to the
    neighbouring community :math:`c` with the largest

    .. math::
        w_{i \to c} - \frac{k_i K_c}{2 m}

    with :math:`w_{i \to c}` the weight from :math:`i` into :math:`c`, :math:`k_i` the
    weight at :math:`i`, :math:`K_c` that of all other nodes of :math:`c`, and
    :math:`2 m` the sum of all entries, until a sweep moves nobody. Communities then
    become the nodes of a smaller graph, and all is repeated until nothing merges.

    .. note::
        Nodes are visited in the order of their ids, where the authors shuffle them:
        the result is a function of the graph and of nothing else.

    Args:
        adjacency (scipy.sparse.csr_array): :math:`(N, N)`, symmetric, without
            negative weights. A self loop of weight ``w`` is an entry ``2 w``.

    Returns:
        numpy.ndarray: A community for each node, :math:`(N)` ``int64``, numbered from
        zero by its first node.
    """
    # Ties go to the first neighbour.
    adjacency = adjacency.sorted_indices()
    label = np.arange(adjacency.shape[0])
    total = float(adjacency.sum())
    while total > 0.0:
        strength = np.asarray(adjacency.sum(axis=1), dtype=np.float64)
        community = _move(
            adjacency.indptr,
            adjacency.indices,
            adjacency.data.astype(np.float64),
            strength,
            total,
        )
        names, community = np.unique(community, return_inverse=True)
        label = community[label]
        if len(names) == adjacency.shape[0]:
            break
        member = csr_array(
            (np.ones(len(community)), (community, np.arange(len(community)))),
            shape=(len(names), len(community)),
        )
        adjacency = csr_array(member @ adjacency @ member.T).sorted_indices()
    return _by_first_node(label)


def _by_first_node(label: np.ndarray) -> np.ndarray:
    _, first, inverse = np.unique(label, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]


@numba.njit(cache=True, nogil=True)
def _move(
    start: np.ndarray,
    neighbor: np.ndarray,
    weight: np.ndarray,
    strength: np.ndarray,
    total: float,
) -> np.ndarray:
    num_nodes = start.size - 1
    community = np.arange(num_nodes)
    held = strength.copy()
    toward = np.zeros(num_nodes)
    seen = np.empty(num_nodes, np.int64)
    for _ in range(MAX_SWEEPS):
        moved = False
        for node in range(num_nodes):
            num_seen = 0
            for edge in range(start[node], start[node + 1]):
                if neighbor[edge] == node or weight[edge] == 0.0:
                    continue
                other = community[neighbor[edge]]
                if toward[other] == 0.0:
                    seen[num_seen] = other
                    num_seen += 1
                toward[other] += weight[edge]
            own = community[node]
            held[own] -= strength[node]
            best = own
            gain = toward[own] - strength[node] * held[own] / total
            for place in range(num_seen):
                other = seen[place]
                candidate = toward[other] - strength[node] * held[other] / total
                if candidate > gain + MIN_GAIN:
                    best = other
                    gain = candidate
                toward[other] = 0.0
            held[best] += strength[node]
            community[node] = best
            moved |= best != own
        if not moved:
            break
    return community
