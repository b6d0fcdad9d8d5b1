import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans

from graphllm.errors import GraphLLMError, TextGraphError, UnknownNameError
from graphllm.selection import (
    ClusterDistanceSelector,
    DensitySelector,
    SelectionContext,
)
from graphllm.selection.features import canonical_order, smooth
from graphllm.testing import assert_selector


@pytest.mark.parametrize("space", ["x", "a2x"])
def test_contract(space):
    assert_selector(DensitySelector(space=space))


def test_the_formula_on_both_spaces(sbm):
    x = torch.randn(60, 5)
    context = SelectionContext(features=x, num_classes=4, seed=2)
    for space, z in [("x", x.numpy()), ("a2x", smooth(x.numpy(), sbm))]:
        model = KMeans(4, n_init=1, random_state=2).fit(z[canonical_order(z)])
        expected = 1 / (1 + model.transform(z).min(axis=1))
        score = DensitySelector(space=space).score(sbm, context)
        np.testing.assert_allclose(score, expected, rtol=1e-4)


def test_same_order_as_cluster_distance(sbm):
    context = SelectionContext(features=torch.randn(60, 5))
    dense = DensitySelector(6).score(sbm, context)
    near = ClusterDistanceSelector(6).score(sbm, context)
    assert torch.equal(dense.argsort(), near.argsort())
    assert 0 < dense.min() < dense.max() <= 1


def test_bad_arguments(tiny):
    with pytest.raises(UnknownNameError, match="feature space 'ax'"):
        DensitySelector(space="ax")
    with pytest.raises(GraphLLMError, match="'num_clusters' must be >= 1"):
        DensitySelector(0)
    with pytest.raises(TextGraphError, match="needs features"):
        DensitySelector(2)(tiny, 1)
