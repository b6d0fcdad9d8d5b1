import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans

from graphllm.selection.bisect import in_turns, medoid_order, places


def blobs(num_rows=60, num_blobs=4, columns=5):
    generator = torch.Generator().manual_seed(0)
    centers = 100 * torch.eye(num_blobs, columns)
    noise = torch.randn(num_rows, columns, generator=generator)
    return (centers[torch.arange(num_rows) % num_blobs] + noise).numpy()


def test_the_first_rows_lie_in_one_blob_each():
    x = blobs()
    for seed in range(5):
        order = medoid_order(x, 60, seed)
        assert sorted(order) == list(range(60))
        assert {row % 4 for row in order[:4]} == {0, 1, 2, 3}


def test_the_very_first_is_nearest_to_the_mean():
    x = torch.randn(50, 3).numpy()
    distance = np.linalg.norm(x - x.mean(axis=0), axis=1)
    assert medoid_order(x, 50, 0)[0] == distance.argmin()
    assert medoid_order(x, 1, 0).tolist() == distance.argsort(kind="stable").tolist()


def test_the_new_half_gives_its_medoid():
    x = blobs(80, 2)
    first, second = medoid_order(x, 2, 0)[:2]
    other = np.arange(1 - first % 2, 80, 2)
    distance = np.linalg.norm(x[other] - x[other].mean(axis=0), axis=1)
    assert second == other[distance.argmin()]


def test_after_the_last_cut_blobs_give_rows_in_turn():
    order = medoid_order(blobs(60, 4), 4, 0)
    for turn in range(1, 15):
        assert {row % 4 for row in order[4 * turn : 4 * turn + 4]} == {0, 1, 2, 3}


@pytest.mark.parametrize("num_clusters", [5, 12])
def test_nearly_as_spread_as_a_k_means_for_the_same_budget(num_clusters):
    x = torch.rand(400, 2).numpy()
    model = KMeans(num_clusters, n_init=3, random_state=0).fit(x)

    def cost(points):
        return (np.linalg.norm(x[:, None] - points, axis=2).min(axis=1) ** 2).sum()

    chosen = x[medoid_order(x, 400, 0)[:num_clusters]]
    drawn = [
        cost(x[np.random.default_rng(s).permutation(400)[:num_clusters]])
        for s in range(20)
    ]
    assert cost(chosen) < 0.85 * np.mean(drawn)
    assert cost(chosen) < 2.2 * cost(model.cluster_centers_)


def test_renumbering_changes_nothing_but_numbers():
    x = torch.randn(120, 4).numpy()
    moved = torch.randperm(120).numpy()
    for max_clusters in (1, 10, 120):
        order = medoid_order(x, max_clusters, 3)
        assert np.array_equal(moved[medoid_order(x[moved], max_clusters, 3)], order)


def test_equal_rows_cannot_be_cut():
    assert medoid_order(np.ones((5, 3), np.float32), 5, 0).tolist() == [0, 1, 2, 3, 4]
    x = np.repeat(np.array([[0.0], [9.0]], np.float32), 4, axis=0)
    order = medoid_order(x, 8, 0).tolist()
    assert {x[order[0], 0], x[order[1], 0]} == {0.0, 9.0}
    assert sorted(order) == list(range(8))


def test_one_row_and_no_columns():
    assert medoid_order(np.ones((1, 3), np.float32), 4, 0).tolist() == [0]
    assert medoid_order(np.ones((3, 0), np.float32), 4, 0).tolist() == [0, 1, 2]


def test_places_and_turns_by_hand():
    label = np.array([0, 1, 0, 1, 1])
    distance = np.array([2.0, 3.0, 1.0, 1.0, 2.0])
    assert places(label, distance).tolist() == [1, 2, 0, 0, 1]
    # Turn one: cluster 1 (larger) before cluster 0.
    assert in_turns(label, distance).tolist() == [3, 2, 4, 0, 1]
