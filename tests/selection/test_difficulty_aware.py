import pytest
import torch

from graphllm.errors import GraphLLMError, TextGraphError
from graphllm.selection import (
    DegreeSelector,
    DensitySelector,
    DifficultyAwareSelector,
    SelectionContext,
)
from graphllm.testing import assert_selector


def ranks(score):
    less = (score.view(1, -1) < score.view(-1, 1)).sum(1)
    same = (score.view(1, -1) == score.view(-1, 1)).sum(1)
    return (less + (same + 1) / 2) / len(score)


def test_contract():
    assert_selector(DifficultyAwareSelector(DegreeSelector()))


@pytest.mark.parametrize("alpha", [0.0, 0.33, 1.0])
def test_the_formula(sbm, alpha):
    context = SelectionContext(features=torch.randn(60, 5), num_classes=3)
    dense = ranks(DensitySelector().score(sbm, context))
    degree = ranks(DegreeSelector().score(sbm, context))
    score = DifficultyAwareSelector(DegreeSelector(), alpha).score(sbm, context)
    expected = (alpha * dense + (1 - alpha) * degree).double()
    assert torch.allclose(score, expected, atol=1e-6)


def test_without_density_no_features_are_needed(tiny):
    degree = DegreeSelector()
    select = DifficultyAwareSelector(degree, alpha=0)
    assert torch.equal(select(tiny, 3, pool="all"), degree(tiny, 3, pool="all"))
    with pytest.raises(TextGraphError, match="needs features"):
        DifficultyAwareSelector(degree)(tiny, 3)


@pytest.mark.parametrize("alpha", [-0.1, 1.1, float("nan")])
def test_alpha_out_of_range(alpha):
    with pytest.raises(GraphLLMError, match=r"'alpha' must be in \[0, 1\]"):
        DifficultyAwareSelector(DegreeSelector(), alpha)
