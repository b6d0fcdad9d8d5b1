import numpy as np
import pytest
import torch
from torch_geometric.data import Data

from graphllm.errors import GraphLLMError, TextGraphError
from graphllm.selection import FeatPropSelector, SelectionContext
from graphllm.selection.bisect import medoid_order
from graphllm.selection.features import smooth
from graphllm.testing import assert_selector


def test_contract():
    assert_selector(FeatPropSelector(6))


def test_scores_are_minus_the_place_in_the_order(sbm):
    x = torch.randn(60, 5)
    score = FeatPropSelector(20).score(sbm, SelectionContext(features=x, seed=4))
    order = medoid_order(smooth(x.numpy(), sbm), 20, 4)
    assert np.array_equal(np.argsort(-score.numpy(), kind="stable"), order)
    assert sorted(-score) == list(range(60))


def test_it_is_the_smoothed_features_that_count():
    # Two cliques; the plain features of every node are noise around zero but for
    # one node a clique, which smoothing spreads over the clique.
    clique = torch.combinations(torch.arange(10)).t()
    one = torch.cat([clique, clique.flip(0)], dim=1)
    data = Data(edge_index=torch.cat([one, one + 10], dim=1), num_nodes=20)
    x = 0.01 * torch.randn(20, 3)
    x[0, 0] = x[10, 1] = 50.0
    chosen = FeatPropSelector()(data, 2, SelectionContext(features=x), pool="all")
    assert (chosen // 10).tolist() == [0, 1]
    data.edge_index = data.edge_index[:, :0]
    alone = FeatPropSelector()(data, 3, SelectionContext(features=x), pool="all")
    assert {0, 10} <= set(alone.tolist())  # without edges they are outliers


def test_bad_arguments(tiny):
    with pytest.raises(GraphLLMError, match="'max_clusters' must be >= 1"):
        FeatPropSelector(0)
    with pytest.raises(TextGraphError, match="needs features"):
        FeatPropSelector()(tiny, 1)
