"""Representative nodes, as a density in (0, 1]."""

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.selection.base import SelectionContext, Selector
from graphllm.selection.clusters import check_clusters, kmeans, resolve_clusters
from graphllm.selection.features import Space, check_space, node_features


class DensitySelector(Selector):
    r"""Selects nodes in the middle of a cluster of texts (C-density).

    From `"Label-free Node Classification on Graphs with Large Language Models (LLMs)"
    <https://arxiv.org/abs/2310.04668>`_ (2024), which found that language models
    annotate such nodes best. With :math:`\mathbf{c}_k` the centres of a k-means,

    .. math::
        s_i = \frac{1}{1 + \min_k \lVert \mathbf{z}_i - \mathbf{c}_k \rVert_2}

    where :math:`\mathbf{Z}` is :math:`\mathbf{X}` or :math:`\hat{\mathbf{A}}^2
    \mathbf{X}`. On :math:`\mathbf{X}` the order is that of
    :class:`~graphllm.selection.ClusterDistanceSelector` with ``"near"``.

    .. note::
        The authors' code stores densities by the number of nodes, so that two graphs
        of one size share them; here nothing is stored. Their variants with as many
        clusters as the budget do not nest and are left out.

    Args:
        num_clusters (int, optional): Number of clusters; :obj:`None` takes the
            number of classes. (default: :obj:`None`)
        space (str, optional): ``"x"``, or ``"a2x"`` for features smoothed over two
            hops. (default: :obj:`"x"`)

    Shapes:
        - **output:** scores :math:`(|\mathcal{V}|)`

    Raises:
        UnknownNameError: If there is no such space.
        GraphLLMError: If ``num_clusters`` is below one.
    """

    def __init__(self, num_clusters: int | None = None, space: Space = "x") -> None:
        check_space(space)
        check_clusters("num_clusters", num_clusters)
        self.num_clusters = num_clusters
        self.space: Space = space

    def score(self, data: Data, context: SelectionContext) -> Tensor:
        """Densities in (0, 1].

        Raises:
            TextGraphError: If there are no features, not one finite row a node, or
                fewer nodes than clusters; or if the number of classes is unknown.
        """
        features = node_features(data, context, self.space)
        num_clusters = resolve_clusters(self.num_clusters, data, context)
        distance = kmeans(features, num_clusters, context.seed).distance
        return torch.from_numpy(1.0 / (1.0 + distance))
