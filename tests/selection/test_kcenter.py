from itertools import combinations

import numpy as np
import pytest
import torch

from graphllm.errors import GraphLLMError, TextGraphError, UnknownNameError
from graphllm.selection import KCenterSelector, SelectionContext
from graphllm.selection.features import smooth
from graphllm.testing import assert_selector


@pytest.mark.parametrize("space", ["x", "a2x"])
@pytest.mark.parametrize("num_centers", [5, 1024])
def test_contract(space, num_centers):
    assert_selector(KCenterSelector(space, num_centers))


def greedy(z, count):
    first = int(np.linalg.norm(z - z.mean(axis=0), axis=1).argmin())
    picks = [first]
    while len(picks) < count:
        nearest = np.linalg.norm(z[:, None] - z[picks], axis=2).min(axis=1)
        picks.append(int(nearest.argmax()))
    return picks


@pytest.mark.parametrize("space", ["x", "a2x"])
def test_every_budget_is_the_greedy_core_set(sbm, space):
    x = torch.randn(60, 4)
    context = SelectionContext(features=x)
    z = x.numpy() if space == "x" else smooth(x.numpy(), sbm)
    picks = greedy(z, 20)
    for budget in (1, 2, 5, 20):
        chosen = KCenterSelector(space)(sbm, budget, context, pool="all")
        assert chosen.tolist() == sorted(picks[:budget])


def test_the_radius_is_at_most_twice_the_best(tiny):
    x = torch.randn(6, 2)
    distance = torch.cdist(x, x)
    for budget in (1, 2, 3, 4):
        chosen = KCenterSelector()(
            tiny, budget, SelectionContext(features=x), pool="all"
        )
        radius = distance[:, chosen].min(dim=1).values.max()
        best = min(
            distance[:, list(ids)].min(dim=1).values.max()
            for ids in combinations(range(6), budget)
        )
        assert radius <= 2 * best + 1e-6


def test_beyond_the_centres_the_farthest_come_first(sbm):
    x = torch.randn(60, 4)
    score = KCenterSelector(num_centers=3).score(sbm, SelectionContext(features=x))
    picks = greedy(x.numpy(), 3)
    rest = [i for i in range(60) if i not in picks]
    expected = torch.cdist(x, x[picks]).min(dim=1).values.double()
    assert torch.allclose(score[rest], expected[rest], rtol=1e-4)


def test_identical_features_tie_by_id(tiny):
    context = SelectionContext(features=torch.ones(6, 3))
    assert KCenterSelector()(tiny, 3, context, pool="all").tolist() == [0, 1, 2]


def test_bad_arguments(tiny):
    with pytest.raises(UnknownNameError, match="feature space 'y'"):
        KCenterSelector("y")
    with pytest.raises(GraphLLMError, match="'num_centers' must be >= 1"):
        KCenterSelector(num_centers=0)
    with pytest.raises(TextGraphError, match="needs features"):
        KCenterSelector()(tiny, 1)
