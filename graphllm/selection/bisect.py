"""An order of rows whose every beginning is spread over the clusters."""

from heapq import heapify, heappop, heappush

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from graphllm.selection.features import canonical_order

NUM_ITERATIONS = 10


def medoid_order(features: np.ndarray, max_clusters: int, seed: int) -> np.ndarray:
    """Order rows by bisecting k-means, one representative for each cluster.

    All rows are one cluster, and the row nearest to its centre comes first. Then
    again and again the cluster with the largest sum of squared distances to its
    centre is cut in two by 2-means; the half that holds the chosen row keeps it, and
    the other half gives the row nearest to its own centre. So the first ``b`` rows
    lie in ``b`` clusters, one in each, for every ``b`` up to ``max_clusters``. After
    that the clusters give their other rows in turn, nearest first, large clusters
    first in each turn.

    The order does not know the budget, hence a larger one extends a smaller one.
    (One k-means with as many clusters as the budget asks for, as in the papers, does
    not nest, and costs more: a cut reads the rows of one cluster only.)

    Args:
        features (numpy.ndarray): :math:`(N, F)` ``float32``, contiguous.
        max_clusters (int): Where to stop cutting.
        seed (int): Seed of the starting points of each cut.

    Returns:
        numpy.ndarray: A permutation of the rows, :math:`(N)`. Another numbering of
        the rows gives the same order of their contents, up to 20,000 rows.
    """
    order = canonical_order(features)
    rows = features[order]
    # One thread: see graphllm.selection.clusters.kmeans.
    with threadpool_limits(1):
        picks, label = _cut(rows, max_clusters, np.random.default_rng(seed))
        distance = _own_distance(rows, label)
    distance[picks] = -1.0
    rest = np.ones(len(rows), dtype=bool)
    rest[picks] = False
    by_turn = in_turns(label, distance)
    return order[np.concatenate([picks, by_turn[rest[by_turn]]])]


def in_turns(label: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Rows cluster by cluster in turn: the nearest of each, the second of each, ...

    Args:
        label (numpy.ndarray): :math:`(N)`, cluster of each row.
        distance (numpy.ndarray): :math:`(N)`, what to order a cluster by.

    Returns:
        numpy.ndarray: A permutation, :math:`(N)`. Within a turn large clusters come
        first; equals keep the order of the rows.
    """
    return np.lexsort((-np.bincount(label)[label], places(label, distance)))


def places(label: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Place of each row within its cluster by distance, from zero.

    Args:
        label (numpy.ndarray): :math:`(N)`, cluster of each row.
        distance (numpy.ndarray): :math:`(N)`, what to order a cluster by.

    Returns:
        numpy.ndarray: :math:`(N)` ``int64``.
    """
    size = np.bincount(label)
    begin = np.cumsum(size) - size
    by_cluster = np.lexsort((distance, label))
    place = np.empty(len(label), dtype=np.int64)
    place[by_cluster] = np.arange(len(label)) - begin[label[by_cluster]]
    return place


def _cut(
    rows: np.ndarray, max_clusters: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Chosen rows, one a cluster, and the cluster of each row."""
    label = np.zeros(len(rows), dtype=np.int64)
    spread, nearest = _center(rows)
    picks = [nearest]
    # The cluster's number after its spread, so that arrays are never compared.
    clusters = [(-spread, 0, np.arange(len(rows)))]
    heapify(clusters)
    while clusters and len(picks) < max_clusters:
        _, cluster, members = heappop(clusters)
        inside = rows[members]
        second = _two_means(inside, rng)
        if second is None:
            continue
        if second[np.searchsorted(members, picks[cluster])]:
            second = ~second
        new = len(picks)
        label[members[second]] = new
        spread, nearest = _center(inside[second])
        picks.append(int(members[second][nearest]))
        heappush(clusters, (-spread, new, members[second]))
        spread, _ = _center(inside[~second])
        heappush(clusters, (-spread, cluster, members[~second]))
    return np.array(picks), label


def _center(rows: np.ndarray) -> tuple[float, int]:
    """Sum of squared distances to the mean, and the row nearest to it."""
    squared = _squared_distance(rows, rows.mean(axis=0))
    return float(squared.sum(dtype=np.float64)), int(squared.argmin())


def _two_means(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
    """Which rows are nearer to the second of two centres; None if rows are equal."""
    starts = []
    center = rows.mean(axis=0)
    for _ in range(2):
        # As k-means++: far rows are likely starts.
        reach = np.cumsum(_squared_distance(rows, center), dtype=np.float64)
        if reach[-1] <= 0.0:
            return None
        start = int(np.searchsorted(reach, rng.random() * reach[-1], side="right"))
        center = rows[min(start, len(rows) - 1)]
        starts.append(center)
    first, second = starts
    total = rows.sum(axis=0)
    nearer = None
    for _ in range(NUM_ITERATIONS):
        middle = (first + second) / 2
        along = second - first
        # Vectorised BLAS reads past short rows and may flag what it found there.
        with np.errstate(invalid="ignore"):
            last, nearer = nearer, (rows @ along) > middle @ along
        count = int(nearer.sum())
        if count in (0, len(rows)):
            # Rows that differ by no more than rounding.
            return None
        if last is not None and np.array_equal(last, nearer):
            break
        summed = nearer.astype(rows.dtype) @ rows
        first, second = (total - summed) / (len(rows) - count), summed / count
    return nearer


def _own_distance(rows: np.ndarray, label: np.ndarray) -> np.ndarray:
    distance = np.empty(len(rows))
    by_cluster = np.argsort(label, kind="stable")
    for members in np.split(by_cluster, np.cumsum(np.bincount(label))[:-1]):
        inside = rows[members]
        distance[members] = _squared_distance(inside, inside.mean(axis=0))
    return distance


def _squared_distance(rows: np.ndarray, center: np.ndarray) -> np.ndarray:
    offset = rows - center
    return np.einsum("ij,ij->i", offset, offset)
