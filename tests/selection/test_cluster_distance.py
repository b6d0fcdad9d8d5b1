import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.metrics import pairwise_distances_argmin_min

from graphllm.errors import GraphLLMError, TextGraphError, UnknownNameError
from graphllm.selection import ClusterDistanceSelector, SelectionContext
from graphllm.selection.features import canonical_order
from graphllm.testing import assert_selector, sbm_text_graph

CENTERS = torch.tensor([[0.0, 0.0], [100.0, 0.0], [0.0, 100.0]])


def blobs(num_nodes=60):
    """Three far blobs; node i lies in blob i % 3."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(num_nodes, 2, generator=generator)
    return CENTERS[torch.arange(num_nodes) % 3] + noise


def own_center_distance(x, num_clusters=3):
    group = torch.arange(len(x)) % num_clusters
    means = torch.stack([x[group == k].mean(0) for k in range(num_clusters)])
    return (x - means[group]).norm(dim=1).double()


@pytest.mark.parametrize("order", ["near", "far"])
def test_contract(order):
    assert_selector(ClusterDistanceSelector(order=order))


def test_against_distances_from_scikit_learn(sbm):
    # Without clear clusters, where the centres are not obvious.
    x = torch.randn(60, 5)
    context = SelectionContext(features=x, num_classes=4, seed=11)
    model = KMeans(4, n_init=1, random_state=11).fit(
        x.numpy()[canonical_order(x.numpy())]
    )
    _, expected = pairwise_distances_argmin_min(x.numpy(), model.cluster_centers_)
    far = ClusterDistanceSelector(order="far").score(sbm, context)
    near = ClusterDistanceSelector(order="near").score(sbm, context)
    np.testing.assert_allclose(far, expected, rtol=1e-4)
    assert torch.equal(near, -far)


def test_blobs_by_hand_and_near_and_far_are_opposite(sbm):
    x = blobs()
    expected = own_center_distance(x)
    context = SelectionContext(features=x)
    far = ClusterDistanceSelector(3, order="far")
    assert torch.allclose(far.score(sbm, context), expected, rtol=1e-3)
    nearest = ClusterDistanceSelector(3)(sbm, 1, context, pool="all")
    assert nearest.item() == expected.argmin()
    assert far(sbm, 1, context, pool="all").item() == expected.argmax()


def test_the_number_of_clusters_is_the_number_of_classes(sbm):
    x = torch.randn(60, 5)
    context = SelectionContext(features=x, num_classes=2)

    def score(num_clusters, context):
        return ClusterDistanceSelector(num_clusters).score(sbm, context)

    assert torch.equal(score(None, context), score(2, context))
    assert torch.equal(score(5, context), score(5, SelectionContext(features=x)))
    # Three label names.
    assert torch.equal(score(None, SelectionContext(features=x)), score(3, context))
    del sbm.label_names
    with pytest.raises(TextGraphError, match="number of clusters is unknown"):
        score(None, SelectionContext(features=x))


def test_features_of_the_context_come_before_those_of_the_graph(sbm):
    sbm.x = torch.randn(60, 3)
    x = blobs()
    selector = ClusterDistanceSelector(3)
    given = selector.score(sbm, SelectionContext(features=x))
    assert torch.allclose(-given, own_center_distance(x), rtol=1e-3)
    fallback = selector.score(sbm, SelectionContext())
    sbm.x = x
    assert not torch.allclose(fallback, given)
    assert torch.equal(selector.score(sbm, SelectionContext()), given)


def test_features_of_any_dtype_and_with_gradients(sbm):
    x = blobs()
    expected = ClusterDistanceSelector(3).score(sbm, SelectionContext(features=x))
    for other in (x.double(), x.clone().requires_grad_()):
        score = ClusterDistanceSelector(3).score(sbm, SelectionContext(features=other))
        assert torch.allclose(score, expected, rtol=1e-4)


def test_identical_features_are_all_at_distance_zero(sbm):
    context = SelectionContext(features=torch.ones(60, 4))
    assert ClusterDistanceSelector().score(sbm, context).abs().max() == 0
    assert ClusterDistanceSelector()(sbm, 2, context, pool="all").tolist() == [0, 1]


@pytest.mark.parametrize(
    ("features", "match"),
    [
        (None, "needs features: encode the texts and pass them as 'context.features'"),
        (torch.ones(59, 4), r"shape \(60, F\), one row a node \(got \(59, 4\)\)"),
        (torch.ones(60), r"got \(60,\)"),
        (torch.ones(60, 2).index_fill_(0, torch.tensor([7]), np.nan), "of node 7"),
    ],
)
def test_unusable_features(sbm, features, match):
    with pytest.raises(TextGraphError, match=match):
        ClusterDistanceSelector()(sbm, 1, SelectionContext(features=features))


def test_more_clusters_than_nodes(tiny):
    context = SelectionContext(features=torch.randn(6, 2))
    with pytest.raises(TextGraphError, match=r"7 clusters need as many.*graph has 6"):
        ClusterDistanceSelector(7)(tiny, 1, context)
    assert ClusterDistanceSelector(6)(tiny, 1, context).numel() == 1


def test_bad_arguments():
    with pytest.raises(UnknownNameError, match=r"'middle'.*far, near"):
        ClusterDistanceSelector(order="middle")
    with pytest.raises(GraphLLMError, match=r"'num_clusters' must be >= 1 \(got 0\)"):
        ClusterDistanceSelector(0)


def test_the_seed_reaches_k_means():
    data = sbm_text_graph()
    x = torch.randn(60, 5)
    scores = {
        tuple(
            ClusterDistanceSelector(8)
            .score(data, SelectionContext(features=x, seed=s))
            .tolist()
        )
        for s in range(5)
    }
    assert len(scores) > 1
