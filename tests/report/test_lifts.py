import math

import pytest

from graphllm.evaluate import paired_difference
from graphllm.report.lifts import (
    interval_text,
    is_lift,
    lift_text,
    lift_verdict,
    points,
)
from graphllm.report.numbers import spread_of, verdict


def lift(mean, low, high, n=5):
    return {"mean": mean, "std": 0.01, "n": n, "low": low, "high": high, "wins": 0}


def test_what_is_a_lift():
    assert is_lift(paired_difference([1, 2], [0, 1]))
    assert not is_lift({"mean": 1, "std": 0, "values": [1]})
    assert not is_lift(None)
    assert not is_lift(0.5)


@pytest.mark.parametrize(
    ("low", "high", "n", "expected"),
    [
        (0.01, 0.03, 3, "better"),
        (-0.03, -0.01, 3, "worse"),
        (-0.01, 0.01, 9, ""),
        (0.0, 0.02, 9, ""),
        (0.01, 0.03, 2, ""),
        (math.nan, math.nan, 1, ""),
        (None, None, 1, ""),
    ],
)
def test_verdicts(low, high, n, expected):
    assert lift_verdict(lift(0.0, low, high, n)) == expected


def test_the_verdict_is_that_of_the_arms():
    for shift in (-0.02, 0.0, 0.01, 0.02):
        ours = [0.5 + shift, 0.6 + shift, 0.72 + shift, 0.4 + shift]
        base = [0.5, 0.61, 0.7, 0.41]
        spread = spread_of([a - b for a, b in zip(ours, base, strict=True)])
        said = verdict(spread, "test_acc").replace("unclear", "")
        assert lift_verdict(paired_difference(ours, base)) == said


def test_words():
    assert lift_text(lift(0.0123, 0.002, 0.03)) == "+1.2*"
    assert lift_text(lift(-0.0123, -0.03, 0.01)) == "−1.2"
    assert lift_text(None) == "–"
    assert lift_text(lift(math.nan, None, None)) == "–"
    assert interval_text(lift(0, -0.031, 0.0)) == "[−3.1, 0.0]"
    assert interval_text(lift(0, None, None, 1)) == ""
    assert points(-0.0001) == "0.0"
