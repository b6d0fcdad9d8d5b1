import math
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.evaluate import Result, summary
from graphllm.report.numbers import (
    MISSING,
    Spread,
    duration,
    finite,
    is_share,
    lower_is_better,
    main_metric,
    measured,
    metrics_of,
    paired,
    plain_number,
    spread_of,
    total_seconds,
    unit_of,
    verdict,
    wins,
    with_spread,
)


def result_of(**arms):
    return Result(
        "m", {}, "s", [0, 1, 2], {k: {"test_acc": v} for k, v in arms.items()}
    )


def test_measured_uses_the_stored_numbers():
    stored = {"mean": 0.5, "std": 0.125, "values": [0.1, 0.2]}
    assert measured(result_of(a=stored), "a", "test_acc") == Spread(
        (0.1, 0.2), 0.5, 0.125
    )


def test_measured_copes_with_a_missing_seed():
    stored = {"mean": None, "std": None, "values": [0.5, None, 0.7]}
    spread = measured(result_of(a=stored), "a", "test_acc")
    assert spread.values == (0.5, None, 0.7)
    assert spread.mean == pytest.approx(0.6)
    assert spread.std == pytest.approx(statistics.stdev([0.5, 0.7]))


@pytest.mark.parametrize(
    "entry", [None, "x", True, math.nan, {}, {"values": [None]}, {"mean": None}]
)
def test_measured_of_nothing_is_none(entry):
    assert measured(result_of(a=entry), "a", "test_acc") is None


def test_measured_of_an_arm_that_is_no_mapping():
    broken = Result("m", {}, "s", [0], {"a": None, "b": {"test_acc": 0.5}})
    assert measured(broken, "a", "test_acc") is None
    assert measured(broken, "missing", "test_acc") is None
    assert metrics_of(broken) == ["test_acc"]


def test_a_bare_number_and_a_single_seed_have_no_deviation():
    assert measured(result_of(a=0.25), "a", "test_acc") == Spread((0.25,), 0.25, None)
    assert measured(result_of(a=summary([0.25])), "a", "test_acc").std is None


def test_stored_mean_without_values_keeps_its_deviation():
    spread = measured(result_of(a={"mean": 0.5, "std": 0.1}), "a", "test_acc")
    assert (spread.mean, spread.std) == (0.5, 0.1)


def test_paired_differences_by_hand():
    result = result_of(a=summary([0.7, 0.8, 0.6]), b=summary([0.6, 0.6, 0.7]))
    difference = paired(result, "a", "b", "test_acc")
    assert difference.values == pytest.approx((0.1, 0.2, -0.1))
    assert difference.mean == pytest.approx(0.2 / 3)
    # deviations 1/30, 4/30, -5/30: sum of squares 42/900, over n - 1 = 2
    assert difference.std == pytest.approx(math.sqrt(42 / 900 / 2))
    assert wins(difference, "test_acc") == (2, 3)
    assert wins(difference, "test_loss") == (1, 3)


def test_paired_skips_a_missing_seed_and_refuses_unequal_numbers_of_seeds():
    gap = {"mean": None, "std": None, "values": [0.7, None, 0.9]}
    result = result_of(a=gap, b=summary([0.6, 0.6, 0.6]), c=summary([0.6, 0.6]))
    assert paired(result, "a", "b", "test_acc").finite == pytest.approx([0.1, 0.3])
    assert paired(result, "b", "c", "test_acc") is None
    assert paired(result, "b", "missing", "test_acc") is None


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0, 1, width=32), st.floats(0, 1, width=32)),
        min_size=2,
        max_size=8,
    )
)
def test_mean_of_paired_differences_is_the_difference_of_means(pairs):
    left, right = (list(side) for side in zip(*pairs, strict=True))
    difference = paired(
        result_of(a=summary(left), b=summary(right)), "a", "b", "test_acc"
    )
    expected = statistics.fmean(left) - statistics.fmean(right)
    assert difference.mean == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("values", "metric", "expected"),
    [
        # mean 0.03, std 0.01, standard error 0.00577, t(2) = 4.303: 0.03 > 0.0248
        ([0.02, 0.03, 0.04], "test_acc", "better"),
        ([0.02, 0.03, 0.04], "test_loss", "worse"),
        ([-0.02, -0.03, -0.04], "test_acc", "worse"),
        ([-0.02, -0.03, -0.04], "perplexity", "better"),
        # the same spread around 0.02 < 0.0248
        ([0.01, 0.02, 0.03], "test_acc", "unclear"),
        # five seeds, std 0.0158, standard error 0.00707, t(4) = 2.776: 0.02 > 0.0196
        ([0.0, 0.01, 0.02, 0.03, 0.04], "test_acc", "better"),
        ([-0.001, 0.009, 0.019, 0.029, 0.039], "test_acc", "unclear"),
        ([0.0, 0.0, 0.0], "test_acc", "unclear"),
        ([0.1, 0.1], "test_acc", "too few seeds"),
        ([0.1], "test_acc", "too few seeds"),
    ],
)
def test_verdict(values, metric, expected):
    assert verdict(spread_of(values), metric) == expected


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        (["val_acc", "test_acc"], "test_acc"),
        (["val_auc", "test_auc", "test_ap"], "test_auc"),
        (["perplexity", "size"], "perplexity"),
        ([], None),
    ],
)
def test_main_metric(metrics, expected):
    arms = {"a": {name: summary([0.5]) for name in metrics}}
    assert main_metric(Result("m", {}, "s", [0], arms)) == expected


def test_shares_and_directions():
    assert all(map(is_share, ["test_acc", "val_f1", "hits@20", "macro-F1", "sparsity"]))
    assert not any(map(is_share, ["epochs", "accumulated", "train_loss", "seconds"]))
    assert all(map(lower_is_better, ["train_loss", "perplexity", "wall_seconds"]))
    assert not lower_is_better("test_acc")
    assert unit_of("test_acc") == "test_acc, %"
    assert unit_of("perplexity") == "perplexity"


@pytest.mark.parametrize(
    ("values", "metric", "signed", "expected"),
    [
        ([0.731, 0.741], "test_acc", False, "73.6 ± 0.7"),
        ([0.731], "test_acc", False, "73.1"),
        ([0.012, 0.012], "test_acc", True, "+1.2 ± 0.0"),
        ([-0.012], "test_acc", True, "−1.2"),
        ([95.0, 133.0], "epoch", False, "114 ± 27"),
        ([1234.5678], "perplexity", False, "1,235"),
        ([0.012345], "loss", False, "0.0123"),
        ([3.0, 3.0], "loss", True, "+3.00 ± 0.00"),
        ([0.0, 0.0], "loss", False, "0 ± 0"),
    ],
)
def test_with_spread(values, metric, signed, expected):
    assert with_spread(spread_of(values), metric, signed=signed) == expected


def test_missing_is_a_dash():
    assert with_spread(None, "test_acc") == MISSING
    assert plain_number(None) == plain_number(math.nan) == plain_number("3") == MISSING
    assert duration(None) == duration(math.inf) == MISSING


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0"),
        (24312, "24,312"),
        (3.0, "3"),
        (0.61342, "0.613"),
        (1234.5678, "1,235"),
        (43.5, "43.5"),
        (0.00001234, "1.23e-05"),
        (3e20, "3.00e+20"),
        (-2.5, "-2.50"),
    ],
)
def test_plain_number(value, expected):
    assert plain_number(value) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.3, "0.30 s"),
        (31.4, "31 s"),
        (212.4, "3 min 32 s"),
        (3599.9, "1 h 0 min"),
        (7384, "2 h 3 min"),
    ],
)
def test_duration(seconds, expected):
    assert duration(seconds) == expected


def test_total_seconds():
    assert total_seconds({"a": 1.5, "b": 2.5, "c": None}) == 4.0
    assert total_seconds({"a": 1.5, "total": 9.0}) == 9.0
    assert total_seconds({}) is None


def test_finite():
    assert finite(3) == 3.0
    assert finite(True) is None
    assert finite(math.inf) is None
    assert finite("3") is None
