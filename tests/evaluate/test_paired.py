import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from graphllm.evaluate import paired_difference

NUMBERS = st.lists(
    st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=3, max_size=8
)


@settings(max_examples=25, deadline=None)
@given(NUMBERS)
def test_mean_and_interval_as_scipy_has_them(pairs):
    a, b = [p[0] / 10 for p in pairs], [p[1] / 10 for p in pairs]
    found = paired_difference(a, b)
    difference = [x - y for x, y in zip(a, b, strict=True)]
    if len(set(difference)) == 1:
        assert found["std"] == pytest.approx(0, abs=1e-12)
        return
    low, high = stats.ttest_rel(a, b).confidence_interval(0.95)
    assert found["low"] == pytest.approx(low)
    assert found["high"] == pytest.approx(high)
    assert found["mean"] == pytest.approx(sum(difference) / len(difference))
    assert found["n"] == len(pairs)
    assert found["wins"] == sum(p[0] > p[1] for p in pairs)


def test_by_hand():
    found = paired_difference([0.75, 0.5, 0.5], [0.5, 0.5, 0.75])
    assert found["mean"] == 0
    assert found["std"] == 0.25
    # t(2, 0.975) = 4.302653
    assert found["high"] == pytest.approx(4.302653 * 0.25 / math.sqrt(3), abs=1e-6)
    assert found["wins"] == 1


def test_a_shift_that_all_seeds_share_leaves_no_doubt():
    found = paired_difference([0.6, 0.7, 0.8], [0.5, 0.6, 0.7])
    assert found["low"] == pytest.approx(0.1)
    assert found["high"] == pytest.approx(0.1)


def test_one_seed_has_no_interval():
    found = paired_difference([0.5], [0.25])
    assert found["mean"] == 0.25
    assert found["std"] == 0.0
    assert math.isnan(found["low"])
    assert math.isnan(found["high"])


def test_numbers_that_are_no_pairs():
    with pytest.raises(ValueError, match=r"cannot pair 2 numbers with 3; give both"):
        paired_difference([1, 2], [1, 2, 3])


def test_no_numbers():
    with pytest.raises(ValueError, match="no numbers to pair"):
        paired_difference([], [])
