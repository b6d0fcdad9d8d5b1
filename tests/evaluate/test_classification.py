import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from graphllm.evaluate import accuracy, best_threshold, macro_f1

classes = st.lists(
    st.tuples(st.integers(-1, 5), st.integers(0, 5)), min_size=1, max_size=40
)


@given(classes)
@settings(max_examples=80, deadline=None)
def test_as_sklearn(pairs):
    prediction, target = torch.tensor(pairs).t()
    present = sorted({c for pair in pairs for c in pair if c >= 0})
    expected = f1_score(
        target, prediction, labels=present, average="macro", zero_division=0
    )
    assert macro_f1(prediction, target) == pytest.approx(expected)
    assert accuracy(prediction, target) == pytest.approx(
        accuracy_score(target, prediction)
    )


def test_by_hand():
    target = torch.tensor([0, 0, 1, 3])
    prediction = torch.tensor([0, 1, 1, 1])
    # Class 0: 2/3, class 1: 2/4, class 3: 0; class 2 is nowhere and left out.
    assert macro_f1(prediction, target) == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    assert accuracy(prediction, target) == 0.5


def test_a_class_that_is_only_predicted_counts_with_zero():
    target = torch.tensor([0, 0])
    assert macro_f1(torch.tensor([0, 4]), target) == pytest.approx((2 / 3 + 0) / 2)
    # No answer is wrong too, but invents no class.
    assert macro_f1(torch.tensor([0, -1]), target) == pytest.approx(2 / 3)
    assert macro_f1(torch.tensor([-1, -1]), target) == 0.0


@pytest.mark.parametrize("metric", [accuracy, macro_f1])
@pytest.mark.parametrize(
    ("prediction", "target", "match"),
    [
        ([0, 1], [0], "one row of classes each"),
        ([[0]], [[0]], "one row of classes each"),
        ([], [], "no predictions"),
        ([0, 1], [0, -1], "a class below 0"),
    ],
)
def test_errors(metric, prediction, target, match):
    prediction, target = torch.tensor(prediction).long(), torch.tensor(target).long()
    with pytest.raises(ValueError, match=match):
        metric(prediction, target)


# ------------------------------------------------------------------ threshold


def right(score, label, threshold):
    return int(((score.double() >= threshold) == (label == 1)).sum())


@given(
    st.lists(
        st.tuples(st.integers(-4, 4), st.integers(0, 1)), min_size=2, max_size=30
    ).filter(lambda pairs: len({label for _, label in pairs}) == 2)
)
@settings(max_examples=80, deadline=None)
def test_no_threshold_is_better(pairs):
    score = torch.tensor([score / 3 for score, _ in pairs])
    label = torch.tensor([label for _, label in pairs])
    found = right(score, label, best_threshold(score, label))
    every = [*score.double().tolist(), math.inf]
    assert found == max(right(score, label, each) for each in every)


def test_it_lies_halfway():
    score = torch.tensor([0.0, 1.0, 3.0, 4.0])
    assert best_threshold(score, torch.tensor([0, 0, 1, 1])) == 2.0


def test_all_or_none():
    score = torch.tensor([0.0, 1.0, 2.0])
    assert best_threshold(score, torch.tensor([1, 1, 0])) == -math.inf
    assert best_threshold(score, torch.tensor([1, 0, 0])) == math.inf


def test_neighbouring_and_infinite_scores():
    low = torch.tensor(1.0, dtype=torch.double)
    high = torch.nextafter(low, torch.tensor(2.0, dtype=torch.double))
    score, label = torch.stack([low, high]), torch.tensor([0, 1])
    assert right(score, label, best_threshold(score, label)) == 2
    score = torch.tensor([-math.inf, 0.0])
    assert right(score, label, best_threshold(score, label)) == 2
    score = torch.tensor([0.0, math.inf])
    assert right(score, label, best_threshold(score, label)) == 2


def test_threshold_wants_both_kinds():
    with pytest.raises(ValueError, match="ranking needs both kinds"):
        best_threshold(torch.rand(2), torch.tensor([1, 1]))
