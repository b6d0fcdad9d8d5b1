"""Representative or unusual nodes by their distance to a cluster centre."""

import warnings
from typing import Literal, get_args

import numpy as np
import torch
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from torch import Tensor
from torch_geometric.data import Data

from graphllm.errors import GraphLLMError, TextGraphError, UnknownNameError
from graphllm.selection.base import SelectionContext, Selector

Order = Literal["near", "far"]
# Full k-means up to here; beyond, mini-batches give much the same centres sooner.
MAX_FULL_KMEANS = 20_000
CHUNK = 65_536


class ClusterDistanceSelector(Selector):
    r"""Selects nodes by the distance of their features to their cluster's centre.

    With the centres :math:`\mathbf{c}_k` of a k-means over all nodes' features,

    .. math::
        s_i = \mp \min_k \lVert \mathbf{x}_i - \mathbf{c}_k \rVert_2

    with minus for ``"near"``, which takes the most representative nodes first, and
    plus for ``"far"``, which takes outliers first. Features are
    ``context.features``, or ``data.x`` where there are none. Up to 20,000 nodes
    scikit-learn's ``KMeans`` is run to convergence, above that ``MiniBatchKMeans``
    with batches of 4,096; both start once, from k-means++ and ``context.seed``.

    .. note::
        k-means++ draws its starting centres by node id. On features without clear
        clusters, another numbering of the nodes may give other clusters.

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
        if num_clusters is not None and num_clusters < 1:
            raise GraphLLMError(f"'num_clusters' must be >= 1 (got {num_clusters})")
        self.num_clusters = num_clusters
        self.order = order

    def score(self, data: Data, context: SelectionContext) -> Tensor:
        """Distances, negated for ``"near"``.

        Raises:
            TextGraphError: If there are no features, not one finite row a node, or
                fewer nodes than clusters; or if the number of classes is unknown.
        """
        features = _features(data, context)
        num_clusters = self._resolve_clusters(data, context)
        if num_clusters > data.num_nodes:
            raise TextGraphError(
                f"{num_clusters} clusters need as many nodes, and the graph has "
                f"{data.num_nodes}; set a smaller 'num_clusters'"
            )
        distance = torch.from_numpy(_distances(features, num_clusters, context.seed))
        return -distance if self.order == "near" else distance

    def _resolve_clusters(self, data: Data, context: SelectionContext) -> int:
        names = getattr(data, "label_names", None)
        known = self.num_clusters or context.num_classes or len(names or ())
        if known == 0:
            raise TextGraphError(
                "the number of clusters is unknown: set 'num_clusters', "
                "'context.num_classes' or 'data.label_names'"
            )
        return known


def _features(data: Data, context: SelectionContext) -> np.ndarray:
    features = data.x if context.features is None else context.features
    if features is None:
        raise TextGraphError(
            "selection by cluster distance needs features: encode the texts and pass "
            "them as 'context.features', or set 'data.x'"
        )
    if features.dim() != 2 or features.size(0) != data.num_nodes:
        raise TextGraphError(
            f"features must have shape ({data.num_nodes}, F), one row a node "
            f"(got {tuple(features.shape)})"
        )
    if not bool(torch.isfinite(features).all()):
        bad = (~torch.isfinite(features)).any(dim=1).nonzero()
        raise TextGraphError(
            f"the features of node {int(bad[0])} hold NaN or infinity "
            f"({bad.numel()} such nodes); encode its text again"
        )
    return features.detach().float().cpu().numpy()


def _distances(features: np.ndarray, num_clusters: int, seed: int) -> np.ndarray:
    if len(features) <= MAX_FULL_KMEANS:
        model = KMeans(num_clusters, n_init=1, random_state=seed)
    else:
        model = MiniBatchKMeans(
            num_clusters, n_init=1, random_state=seed, batch_size=4096
        )
    # One thread: sums over several threads come in no fixed order, and the choice
    # has to be the same in every run for stored answers to be used again.
    with threadpool_limits(1), warnings.catch_warnings():
        # Fewer distinct texts than clusters: some clusters stay empty, no harm done.
        warnings.simplefilter("ignore", ConvergenceWarning)
        labels = model.fit(features).labels_
        centers = model.cluster_centers_
        distance = np.empty(len(features))
        for start in range(0, len(features), CHUNK):
            rows = slice(start, start + CHUNK)
            offset = features[rows] - centers[labels[rows]]
            distance[rows] = np.linalg.norm(offset, axis=1)
    return distance
