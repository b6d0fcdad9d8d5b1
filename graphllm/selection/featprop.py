"""The most central node of each cluster of smoothed features."""

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.selection.base import SelectionContext, Selector
from graphllm.selection.bisect import medoid_order
from graphllm.selection.clusters import check_clusters
from graphllm.selection.features import canonical_order, node_features, smooth


class FeatPropSelector(Selector):
    r"""Selects the nodes nearest to cluster centres of propagated features.

    From `"Active Learning for Graph Neural Networks via Node Feature Propagation"
    <https://arxiv.org/abs/1910.07567>`_ (2019). Cluster :math:`\hat{\mathbf{A}}^2
    \mathbf{X}` and take the node nearest to each centre. To nest, clusters come from
    cutting one after the other in two, and each cut adds one node:
    :func:`graphllm.selection.bisect.medoid_order`. With :math:`k_i = 0, 1, \dots` the
    place of a node in that order,

    .. math::
        s_i = -k_i

    .. note::
        The authors, and LLM-GNN, run one k-medoids with as many medoids as the budget
        on all :math:`N^2` distances. Its sets do not nest, and its table of distances
        does not fit beyond some ten thousand nodes.

    Args:
        max_clusters (int, optional): Where to stop cutting. Larger sets take further
            nodes of these clusters in turn. (default: :obj:`1024`)

    Shapes:
        - **output:** scores :math:`(|\mathcal{V}|)`

    Raises:
        GraphLLMError: If ``max_clusters`` is below one.
    """

    def __init__(self, max_clusters: int = 1024) -> None:
        check_clusters("max_clusters", max_clusters)
        self.max_clusters = max_clusters

    def score(self, data: Data, context: SelectionContext) -> Tensor:
        """Minus the place of each node in the order.

        Raises:
            TextGraphError: If there are no features or not one finite row a node.
        """
        features = node_features(data, context)
        # Ordered by the plain features: neighbours may smooth to equal rows.
        order = canonical_order(features)
        smoothed = np.ascontiguousarray(smooth(features, data)[order])
        sequence = order[medoid_order(smoothed, self.max_clusters, context.seed)]
        score = np.empty(len(order))
        score[sequence] = -np.arange(len(order), dtype=np.float64)
        return torch.from_numpy(score)
