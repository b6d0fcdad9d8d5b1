import pytest
import torch

from graphllm.errors import GraphLLMError, TextGraphError
from graphllm.selection import (
    AGESelector,
    DensitySelector,
    PageRankSelector,
    SelectionContext,
)
from graphllm.selection.uncertainty import entropy
from graphllm.testing import assert_selector


def ranks(score):
    less = (score.view(1, -1) < score.view(-1, 1)).sum(1)
    same = (score.view(1, -1) == score.view(-1, 1)).sum(1)
    return ((less + (same + 1) / 2) / len(score)).double()


def test_contract():
    assert_selector(AGESelector())


def test_two_ranks_without_a_model_and_three_with_one(sbm):
    x = torch.randn(60, 5)
    plain = SelectionContext(features=x, num_classes=3)
    dense = ranks(DensitySelector(space="a2x").score(sbm, plain))
    central = ranks(PageRankSelector().score(sbm, plain))
    score = AGESelector(2, 1, 5).score(sbm, plain)
    assert torch.allclose(score, (2 * dense + central) / 3, atol=1e-6)
    probs = torch.randn(60, 3).softmax(dim=1)
    unsure = ranks(entropy(probs.double()))
    for live in ({"probs": probs}, {"samples": probs.expand(2, 60, 3)}):
        context = SelectionContext(features=x, num_classes=3, **live)
        score = AGESelector(2, 1, 5).score(sbm, context)
        expected = (2 * dense + central + 5 * unsure) / 8
        assert torch.allclose(score, expected, atol=1e-6)


def test_no_model_is_trained_for_it(sbm):
    context = SelectionContext(features=torch.randn(60, 5), num_classes=3)
    before = AGESelector().score(sbm, context)
    sbm.y = None
    assert torch.equal(AGESelector().score(sbm, context), before)


def test_the_number_of_clusters_reaches_the_density(sbm):
    context = SelectionContext(features=torch.randn(60, 5), num_classes=3)
    only = AGESelector(beta=0, num_clusters=9).score(sbm, context)
    dense = DensitySelector(9, "a2x").score(sbm, context)
    assert torch.allclose(only, ranks(dense), atol=1e-6)


def test_bad_arguments(tiny):
    with pytest.raises(GraphLLMError, match="'weights' must be >= 0"):
        AGESelector(alpha=-1)
    with pytest.raises(GraphLLMError, match="not all zero"):
        AGESelector(alpha=0, beta=0)
    with pytest.raises(GraphLLMError, match="'num_clusters' must be >= 1"):
        AGESelector(num_clusters=0)
    with pytest.raises(TextGraphError, match="needs features"):
        AGESelector()(tiny, 1)
