"""Nodes far from every node chosen before: a core-set."""

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.kernels.farthest import farthest_first
from graphllm.selection.base import SelectionContext, Selector
from graphllm.selection.clusters import check_clusters
from graphllm.selection.features import (
    Space,
    canonical_order,
    check_space,
    node_features,
)


class KCenterSelector(Selector):
    r"""Selects nodes so that every node is near a chosen one (greedy k-centre).

    From `"Active Learning for Convolutional Neural Networks: A Core-Set Approach"
    <https://arxiv.org/abs/1708.00489>`_ (2018), the ``coreset`` of LLM-GNN. Start
    with the node nearest to the mean; then again and again take the node farthest
    from those chosen. The score is the distance at that moment,

    .. math::
        s_i = \min_{j \text{ chosen before } i} \lVert \mathbf{z}_i - \mathbf{z}_j
        \rVert_2

    which never grows, so that smaller sets lie in larger ones; the first node gets
    twice the largest score. A set of :math:`b` nodes leaves nobody farther than twice
    the least possible radius for :math:`b` centres, in the pool ``"all"``; a smaller
    pool takes its own nodes in the order of the whole graph.

    .. note::
        LLM-GNN computes all distances to all chosen nodes anew for each one,
        :math:`O(b^2 N F)`. One running minimum a node makes it :math:`O(b N F)`.

    Args:
        space (str, optional): ``"x"``, or ``"a2x"`` for features smoothed over two
            hops. (default: :obj:`"x"`)
        num_centers (int, optional): Nodes chosen one by one. Others follow by their
            distance to these, without regard to each other. (default: :obj:`1024`)

    Shapes:
        - **output:** scores :math:`(|\mathcal{V}|)`

    Raises:
        UnknownNameError: If there is no such space.
        GraphLLMError: If ``num_centers`` is below one.
    """

    def __init__(self, space: Space = "x", num_centers: int = 1024) -> None:
        check_space(space)
        check_clusters("num_centers", num_centers)
        self.space: Space = space
        self.num_centers = num_centers

    def score(self, data: Data, context: SelectionContext) -> Tensor:
        """Distances to the nodes chosen before.

        Raises:
            TextGraphError: If there are no features or not one finite row a node.
        """
        features = node_features(data, context, self.space)
        order = canonical_order(features)
        rows = np.ascontiguousarray(features[order])
        center = rows.mean(axis=0, dtype=np.float64)
        first = int(np.linalg.norm(rows - center, axis=1).argmin())
        score = np.empty(len(rows))
        score[order] = farthest_first(rows, first, min(self.num_centers, len(rows)))
        return torch.from_numpy(score)
