"""Central nodes of every community, in proportion to its size."""

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor
from torch_geometric.data import Data

from graphllm.kernels.louvain import louvain
from graphllm.selection.base import SelectionContext, Selector
from graphllm.selection.bisect import medoid_order, places
from graphllm.selection.clusters import check_clusters
from graphllm.selection.features import canonical_order, node_features, smooth

# Smaller communities have no clusters worth finding.
MIN_CLUSTERED = 16


class GraphPartSelector(Selector):
    r"""Selects the nodes nearest to cluster centres within each community.

    From `"Partition-Based Active Learning for Graph Neural Networks"
    <https://arxiv.org/abs/2201.09391>`_ (2023). The graph is cut into communities by
    :func:`graphllm.kernels.louvain.louvain`; within each, nodes are ordered by
    :func:`graphllm.selection.bisect.medoid_order` on :math:`\hat{\mathbf{A}}^2
    \mathbf{X}`, or by the distance to its mean if it has fewer than 16 nodes. Node
    :math:`i` at place :math:`k_i = 0, 1, \dots` of its community
    :math:`\mathcal{P}` gets

    .. math::
        s_i = -\frac{k_i + 1 / 2}{|\mathcal{P}|}

    so that a budget over all nodes is shared among communities by their size, up to
    one node each, and smaller sets lie in larger ones.

    .. note::
        The authors, and LLM-GNN, merge the parts of a greedy modularity search
        (Python, hours on large graphs) down to a number that grows with the budget,
        give each part the same share, and may push centres away from those of
        earlier parts. The first and the last do not nest; here parts are the
        communities as found. Edge directions are ignored.

    Args:
        max_clusters (int, optional): Clusters within a community.
            (default: :obj:`64`)

    Shapes:
        - **output:** scores :math:`(|\mathcal{V}|)`

    Raises:
        GraphLLMError: If ``max_clusters`` is below one.
    """

    def __init__(self, max_clusters: int = 64) -> None:
        check_clusters("max_clusters", max_clusters)
        self.max_clusters = max_clusters

    def score(self, data: Data, context: SelectionContext) -> Tensor:
        """Minus the place in the community, over its size.

        Raises:
            TextGraphError: If there are no features or not one finite row a node.
        """
        features = node_features(data, context)
        order = canonical_order(features)
        smoothed = np.ascontiguousarray(smooth(features, data)[order])
        adjacency = _undirected(data)
        community = louvain(csr_array(adjacency[order][:, order]))
        place = _small_places(smoothed, community)
        size = np.bincount(community)
        by_community = np.split(
            np.argsort(community, kind="stable"), np.cumsum(size)[:-1]
        )
        for part in np.flatnonzero(size >= MIN_CLUSTERED):
            members = by_community[part]
            rows = np.ascontiguousarray(smoothed[members])
            inside = medoid_order(rows, self.max_clusters, context.seed)
            place[members[inside]] = np.arange(len(members))
        score = np.empty(len(order))
        score[order] = -(place + 0.5) / size[community]
        return torch.from_numpy(score)


def _undirected(data: Data) -> csr_array:
    source, target = data.edge_index.cpu().numpy()
    shape = (data.num_nodes, data.num_nodes)
    directed = csr_array((np.ones(source.size), (source, target)), shape=shape)
    return csr_array(directed + directed.T)


def _small_places(features: np.ndarray, community: np.ndarray) -> np.ndarray:
    """Place of each row in its community by the distance to the community's mean."""
    size = np.bincount(community)
    member = csr_array(
        (1.0 / size[community], (community, np.arange(len(community)))),
        shape=(len(size), len(community)),
    )
    mean = (member @ features).astype(features.dtype)
    return places(community, np.linalg.norm(features - mean[community], axis=1))
