"""Representative or unusual nodes by their distance to a cluster centre."""

from typing import Literal, get_args

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.errors import UnknownNameError
from graphllm.selection.base import SelectionContext, Selector
from graphllm.selection.clusters import check_clusters, kmeans, resolve_clusters
from graphllm.selection.features import node_features

Order = Literal["near", "far"]


class ClusterDistanceSelector(Selector):
    r"""Selects nodes by the distance of their features to their cluster's centre.

    With the centres :math:`\mathbf{c}_k` of a k-means over all nodes' features,

    .. math::
        s_i = \mp \min_k \lVert \mathbf{x}_i - \mathbf{c}_k \rVert_2

    with minus for ``"near"``, which takes the most representative nodes first, and
    plus for ``"far"``, which takes outliers first. Features are
    ``context.features``, or ``data.x`` where there are none; the clustering is
    :func:`graphllm.selection.clusters.kmeans` with ``context.seed``, whose centres
    come from a sample of 20,000 nodes on larger graphs.

    Args:
        num_clusters (int, optional): Number of clusters; :obj:`None` takes the
            number of classes. (default: :obj:`None`)
        order (str, optional): ``"near"`` or ``"far"``. (default: :obj:`"near"`)

    Shapes:
        - **output:** scores :math:`(|\mathcal{V}|)`

    Raises:
        UnknownNameError: If there is no such order.
        GraphLLMError: If ``num_clusters`` is below one.
    """

    def __init__(self, num_clusters: int | None = None, order: Order = "near") -> None:
        if order not in get_args(Order):
            raise UnknownNameError("cluster order", order, get_args(Order))
        check_clusters("num_clusters", num_clusters)
        self.num_clusters = num_clusters
        self.order = order

    def score(self, data: Data, context: SelectionContext) -> Tensor:
        """Distances, negated for ``"near"``.

        Raises:
            TextGraphError: If there are no features, not one finite row a node, or
                fewer nodes than clusters; or if the number of classes is unknown.
        """
        features = node_features(data, context)
        num_clusters = resolve_clusters(self.num_clusters, data, context)
        distance = torch.from_numpy(
            kmeans(features, num_clusters, context.seed).distance
        )
        return -distance if self.order == "near" else distance
