import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.metrics import pairwise_distances_argmin_min

from graphllm.errors import GraphLLMError, TextGraphError
from graphllm.selection import SelectionContext
from graphllm.selection import clusters as module
from graphllm.selection.clusters import check_clusters, kmeans, resolve_clusters
from graphllm.selection.features import canonical_order

CENTERS = torch.tensor([[0.0, 0.0], [100.0, 0.0], [0.0, 100.0]])


def blobs(num_rows=60):
    noise = torch.randn(num_rows, 2, generator=torch.Generator().manual_seed(0))
    return (CENTERS[torch.arange(num_rows) % 3] + noise).numpy()


def same_grouping(one, two):
    return np.array_equal(one[:, None] == one, two[:, None] == two)


def test_centres_of_scikit_learn():
    # Without clear clusters, where the centres are not obvious.
    x = torch.randn(80, 5).numpy()
    label, distance = kmeans(x, 4, 11)
    model = KMeans(4, n_init=1, random_state=11).fit(x[canonical_order(x)])
    nearest, expected = pairwise_distances_argmin_min(x, model.cluster_centers_)
    np.testing.assert_allclose(distance, expected, rtol=1e-4)
    assert np.array_equal(label, nearest)


def test_renumbering_the_rows_renumbers_the_clusters_whatever_the_features():
    x = torch.randn(200, 5).numpy()
    moved = torch.randperm(200).numpy()
    label, distance = kmeans(x, 9, 0)
    again = kmeans(x[moved], 9, 0)
    assert np.array_equal(again.label, label[moved])
    np.testing.assert_allclose(again.distance, distance[moved], rtol=1e-6)


@pytest.mark.parametrize("chunk", [7, 10_000])
def test_centres_from_a_sample_serve_everyone(monkeypatch, chunk):
    monkeypatch.setattr(module, "MAX_FITTED_ROWS", 30)
    monkeypatch.setattr(module, "CHUNK", chunk)
    seen = []

    def spy(*args, **kwargs):
        model = KMeans(*args, **kwargs)
        fit = model.fit
        model.fit = lambda rows: seen.append(len(rows)) or fit(rows)
        return model

    monkeypatch.setattr(module, "KMeans", spy)
    x = blobs()
    label, distance = kmeans(x, 3, 0)
    assert seen == [30]
    assert same_grouping(label, np.arange(60) % 3)
    assert distance.max() < 5
    again = kmeans(x, 3, 0)
    assert np.array_equal(distance, again.distance)
    assert not np.array_equal(distance, kmeans(x, 3, 1).distance)


def test_fewer_distinct_rows_than_clusters():
    label, distance = kmeans(np.ones((9, 2), np.float32), 4, 0)
    assert distance.max() == 0
    assert len(set(label)) == 1


def test_the_number_of_clusters(sbm):
    context = SelectionContext(num_classes=2)
    assert resolve_clusters(5, sbm, context) == 5
    assert resolve_clusters(None, sbm, context) == 2
    assert resolve_clusters(None, sbm, SelectionContext()) == 3  # three label names
    with pytest.raises(TextGraphError, match=r"61 clusters need as many.*graph has 60"):
        resolve_clusters(61, sbm, context)
    del sbm.label_names
    with pytest.raises(TextGraphError, match="number of clusters is unknown"):
        resolve_clusters(None, sbm, SelectionContext())


def test_check_clusters():
    check_clusters("num_clusters", None)
    check_clusters("num_clusters", 1)
    with pytest.raises(GraphLLMError, match=r"'max_clusters' must be >= 1 \(got 0\)"):
        check_clusters("max_clusters", 0)
