import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from graphllm.evaluate import (
    auc,
    average_precision,
    hits_at_k,
    link_metrics,
    mean_reciprocal_rank,
)

# Few distinct scores, so that ties are the rule.
rows = st.lists(
    st.tuples(st.integers(-3, 3), st.integers(0, 1)), min_size=2, max_size=40
).filter(lambda pairs: len({label for _, label in pairs}) == 2)


def split(pairs):
    score = torch.tensor([float(score) / 3 for score, _ in pairs])
    return score, torch.tensor([label for _, label in pairs])


@given(rows)
@settings(max_examples=80, deadline=None)
def test_area_and_precision_are_those_of_sklearn(pairs):
    score, label = split(pairs)
    assert auc(score, label) == pytest.approx(roc_auc_score(label, score))
    expected = average_precision_score(label, score)
    assert average_precision(score, label) == pytest.approx(expected)


@given(rows)
@settings(max_examples=40, deadline=None)
def test_the_area_is_a_share_of_won_duels(pairs):
    score, label = split(pairs)
    gap = score[label == 1].view(-1, 1) - score[label == 0]
    won = ((gap > 0).double() + 0.5 * (gap == 0)).mean()
    assert auc(score, label) == pytest.approx(float(won))
    assert auc(-score, label) == pytest.approx(1 - float(won))


def test_area_by_hand():
    score = torch.tensor([0.9, 0.4, 0.4, 0.1])
    # Links 0.9 and 0.4 against 0.4 and 0.1: won, won, tied, won.
    assert auc(score, torch.tensor([1, 1, 0, 0])) == 3.5 / 4
    # Truth values will do.
    assert auc(score, torch.tensor([True, True, False, False])) == 3.5 / 4


def test_infinite_scores_have_a_rank():
    score = torch.tensor([math.inf, -math.inf, 0.0, -math.inf])
    assert auc(score, torch.tensor([1, 0, 1, 0])) == 1.0


def test_precision_by_hand():
    # Best first: link, none, link, none -> (1/1 + 2/3) / 2.
    score = torch.tensor([4.0, 3.0, 2.0, 1.0])
    value = average_precision(score, torch.tensor([1, 0, 1, 0]))
    assert value == pytest.approx((1 + 2 / 3) / 2)


def test_hits_by_hand():
    positive = torch.tensor([0.9, 0.5, 0.3])
    negative = torch.tensor([0.8, 0.5, 0.2, 0.1])
    # A tie with the k-th best is no hit.
    assert [hits_at_k(positive, negative, k) for k in (1, 2, 3, 4)] == pytest.approx(
        [1 / 3, 1 / 3, 1, 1]
    )
    assert hits_at_k(positive - 9, negative, 5) == 1.0


def ranks(positive, negative):
    """The benchmark's ranks, one link at a time."""
    for i, own in enumerate(positive.tolist()):
        others = negative[i].tolist() if negative.dim() == 2 else negative.tolist()
        best = sum(other > own for other in others)
        worst = sum(other >= own for other in others)
        yield 0.5 * (best + worst) + 1


@pytest.mark.parametrize("shape", [(12, 7), (30,), (12, 1), (1,)])
def test_reciprocal_rank_is_that_of_a_loop(shape):
    generator = torch.Generator().manual_seed(0)
    positive = torch.randint(5, (12,), generator=generator).float()
    negative = torch.randint(5, shape, generator=generator).float()
    expected = sum(1 / rank for rank in ranks(positive, negative)) / 12
    assert mean_reciprocal_rank(positive, negative) == pytest.approx(expected)


def test_one_row_of_negatives_is_the_same_row_for_all():
    positive, negative = torch.rand(9), torch.rand(5)
    wide = negative.expand(9, 5)
    value = mean_reciprocal_rank(positive, negative)
    assert value == pytest.approx(mean_reciprocal_rank(positive, wide))


def test_scoring_all_alike_gains_nothing():
    flat = mean_reciprocal_rank(torch.zeros(4), torch.zeros(9))
    assert flat == pytest.approx(1 / 5.5)
    assert hits_at_k(torch.zeros(4), torch.zeros(9), 3) == 0.0


@pytest.mark.slow
def test_the_numbers_are_those_of_the_benchmark():
    ogb = pytest.importorskip("ogb.linkproppred")
    generator = torch.Generator().manual_seed(0)
    positive = torch.randint(20, (50,), generator=generator).float()
    negative = torch.randint(20, (50, 30), generator=generator).float()
    reference = ogb.Evaluator("ogbl-citation2").eval(
        {"y_pred_pos": positive, "y_pred_neg": negative}
    )
    value = mean_reciprocal_rank(positive, negative)
    assert value == pytest.approx(float(reference["mrr_list"].mean()))
    pooled = negative[0]
    for name, k in (("ogbl-ppa", 100), ("ogbl-collab", 50), ("ogbl-ddi", 20)):
        pair = {"y_pred_pos": positive, "y_pred_neg": pooled}
        reference = ogb.Evaluator(name).eval(pair)
        assert hits_at_k(positive, pooled, k) == pytest.approx(reference[f"hits@{k}"])


def test_all_numbers_at_once():
    score = torch.tensor([0.9, 0.6, 0.7, 0.1])
    label = torch.tensor([1, 1, 0, 0])
    numbers = link_metrics(score, label, threshold=0.5, k=1)
    assert numbers == {
        "auc": 0.75,
        "ap": pytest.approx((1 + 2 / 3) / 2),
        "hits@1": 0.5,
        "mrr": 0.75,
        "acc": 0.75,
    }
    # At the threshold is a link.
    assert link_metrics(score, label, threshold=float(score[1]))["acc"] == 0.75
    assert link_metrics(score, label, threshold=0.8)["acc"] == 0.75
    assert link_metrics(score, label, threshold=2.0)["acc"] == 0.5
    assert link_metrics(score, label, threshold=2.0)["hits@100"] == 1.0


@pytest.mark.parametrize("metric", [auc, average_precision])
@pytest.mark.parametrize(
    ("score", "label", "match"),
    [
        ([0.5, 0.4], [1], "one row of numbers each"),
        ([[0.5, 0.4]], [[1, 0]], "one row of numbers each"),
        ([0.5, 0.4], [1, 1], "2 of 2 pairs are links"),
        ([0.5, 0.4], [0, 0], "0 of 2 pairs are links"),
        ([], [], "0 of 0"),
        ([0.5, 0.4], [1, 2], "1 for a link and 0 for none"),
        ([0.5, math.nan], [1, 0], "NaN"),
    ],
)
def test_what_cannot_be_ranked(metric, score, label, match):
    with pytest.raises(ValueError, match=match):
        metric(torch.tensor(score), torch.tensor(label))


@pytest.mark.parametrize(
    ("positive", "negative", "match"),
    [
        ([], [0.1], "'positive' must be one row"),
        ([[0.1]], [0.1], "'positive' must be one row"),
        ([0.1, 0.2], [[0.1]], "one row each"),
        ([0.1, math.nan], [0.1], "NaN"),
        ([0.1], [math.nan], "NaN"),
    ],
)
def test_what_has_no_rank(positive, negative, match):
    positive, negative = torch.tensor(positive), torch.tensor(negative)
    with pytest.raises(ValueError, match=match):
        mean_reciprocal_rank(positive, negative)
    with pytest.raises(ValueError, match=match):
        hits_at_k(positive, negative, 1)


def test_hits_wants_one_row_and_a_place():
    with pytest.raises(ValueError, match="'negative' must be one row"):
        hits_at_k(torch.rand(2), torch.rand(2, 3), 1)
    with pytest.raises(ValueError, match="'k' must be >= 1"):
        hits_at_k(torch.rand(2), torch.rand(3), 0)
