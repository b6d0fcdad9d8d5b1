"""k-means, one for all selectors: same result in every run, at any size."""

import warnings
from typing import NamedTuple

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from torch_geometric.data import Data

from graphllm.errors import GraphLLMError, TextGraphError
from graphllm.selection.base import SelectionContext
from graphllm.selection.features import canonical_order

# k-means learns its centres from at most this many rows, drawn at random.
MAX_FITTED_ROWS = 20_000
CHUNK = 65_536


class Clusters(NamedTuple):
    """A clustering.

    Args:
        label (numpy.ndarray): :math:`(N)`, the nearest centre of each row.
        distance (numpy.ndarray): :math:`(N)` ``float64``, how far it is.
    """

    label: np.ndarray
    distance: np.ndarray


def kmeans(features: np.ndarray, num_clusters: int, seed: int) -> Clusters:
    r"""Cluster rows around centres near to them.

    .. math::
        \min_{\mathbf{c}} \sum_i \min_k \lVert \mathbf{x}_i - \mathbf{c}_k \rVert_2^2

    scikit-learn's ``KMeans``, started once from k-means++. Up to 20,000 rows it reads
    them all, in the order of :func:`~graphllm.selection.features.canonical_order`:
    renumbering the rows renumbers the clusters' members and changes nothing else.
    Above, the centres come from 20,000 rows drawn by the seed, and then every row is
    assigned.

    Args:
        features (numpy.ndarray): :math:`(N, F)` ``float32``, contiguous.
        num_clusters (int): Clusters, at most :math:`N`.
        seed (int): Seed of k-means++ and of the draw.

    Returns:
        Clusters: In the order of ``features``.
    """
    # One thread: sums over several threads come in no fixed order, and the choice
    # has to be the same in every run for stored answers to be used again.
    with threadpool_limits(1):
        return _kmeans(features, num_clusters, seed)


def resolve_clusters(
    num_clusters: int | None, data: Data, context: SelectionContext
) -> int:
    """The number of clusters asked for, or else the number of classes.

    Raises:
        TextGraphError: If neither is known, or the graph has fewer nodes.
    """
    names = getattr(data, "label_names", None)
    known = num_clusters or context.num_classes or len(names or ())
    if known == 0:
        raise TextGraphError(
            "the number of clusters is unknown: set 'num_clusters', "
            "'context.num_classes' or 'data.label_names'"
        )
    if known > data.num_nodes:
        raise TextGraphError(
            f"{known} clusters need as many nodes, and the graph has "
            f"{data.num_nodes}; set a smaller 'num_clusters'"
        )
    return known


def check_clusters(name: str, num_clusters: int | None) -> None:
    """Refuse a number of clusters below one.

    Raises:
        GraphLLMError: If it is; ``name`` is the argument's.
    """
    if num_clusters is not None and num_clusters < 1:
        raise GraphLLMError(f"'{name}' must be >= 1 (got {num_clusters})")


def _kmeans(features: np.ndarray, num_clusters: int, seed: int) -> Clusters:
    if len(features) <= MAX_FITTED_ROWS:
        fitted = canonical_order(features)
    else:
        rng = np.random.default_rng(seed)
        fitted = rng.choice(len(features), MAX_FITTED_ROWS, replace=False)
    model = KMeans(num_clusters, n_init=1, random_state=seed)
    with warnings.catch_warnings():
        # Fewer distinct texts than clusters: some clusters stay empty, no harm done.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(features[fitted])
    label = np.empty(len(features), dtype=np.int64)
    distance = np.empty(len(features))
    if len(fitted) == len(features):
        label[fitted] = model.labels_
    for begin in range(0, len(features), CHUNK):
        rows = slice(begin, begin + CHUNK)
        if len(fitted) < len(features):
            label[rows] = model.predict(features[rows])
        offset = features[rows] - model.cluster_centers_[label[rows]]
        distance[rows] = np.linalg.norm(offset, axis=1)
    return Clusters(label, distance)
