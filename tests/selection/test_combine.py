import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.errors import GraphLLMError
from graphllm.selection import (
    CombineSelector,
    DegreeSelector,
    DensitySelector,
    SelectionContext,
    Selector,
    TextLengthSelector,
)
from graphllm.selection.combine import percentile_rank
from graphllm.testing import assert_selector


class Fixed(Selector):
    def __init__(self, values):
        self.values = torch.tensor(values)

    def score(self, data, context):
        return self.values


def test_contract():
    assert_selector(CombineSelector([DegreeSelector(), TextLengthSelector()], [2, 1]))


def test_ranks_by_hand():
    ranks = percentile_rank(torch.tensor([5.0, -1.0, 5.0, 9.0]))
    assert ranks.tolist() == [2.5 / 4, 1 / 4, 2.5 / 4, 1.0]
    assert percentile_rank(torch.empty(0)).numel() == 0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=1, max_size=20))
def test_ranks_against_counting(values):
    ranks = percentile_rank(torch.tensor(values).double())
    for value, rank in zip(values, ranks.tolist(), strict=True):
        less = sum(other < value for other in values)
        same = sum(other == value for other in values)
        assert rank == pytest.approx((less + (same + 1) / 2) / len(values))


def test_a_weighted_mean_of_ranks_by_hand(tiny):
    one = Fixed([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    two = Fixed([600.0, 500.0, 400.0, 300.0, 200.0, 100.0])
    score = CombineSelector([one, two], [3, 1]).score(tiny, SelectionContext())
    expected = [(3 * (i + 1) + (6 - i)) / 24 for i in range(6)]
    assert score.tolist() == pytest.approx(expected)
    alike = CombineSelector([one, two]).score(tiny, SelectionContext())
    assert alike.tolist() == pytest.approx([7 / 12] * 6)


def test_scale_and_offset_of_a_selector_do_not_matter(sbm):
    class Scaled(DegreeSelector):
        def score(self, data, context):
            return 1000 * super().score(data, context) - 7

    context = SelectionContext(features=torch.randn(60, 4))
    plain = CombineSelector([DegreeSelector(), DensitySelector()])
    scaled = CombineSelector([Scaled(), DensitySelector()])
    assert torch.equal(plain.score(sbm, context), scaled.score(sbm, context))


def test_a_selector_of_weight_zero_is_not_asked(tiny):
    class Broken(Selector):
        def score(self, data, context):
            raise AssertionError("asked")

    one = Fixed([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    select = CombineSelector([one, Broken()], [1, 0])
    assert select(tiny, 2, pool="all").tolist() == [4, 5]


@pytest.mark.parametrize(
    ("count", "weights", "match"),
    [
        (0, None, "0 selectors and 0 weights"),
        (1, [1.0, 2.0], "1 selectors and 2 weights"),
        (2, [1.0, -1.0], "must be >= 0"),
        (2, [0.0, 0.0], "not all zero"),
        (1, [float("nan")], "got .nan."),
        (1, [float("inf")], "finite"),
    ],
)
def test_bad_weights(count, weights, match):
    with pytest.raises(GraphLLMError, match=match):
        CombineSelector([DegreeSelector()] * count, weights)
