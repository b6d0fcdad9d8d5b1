import math

import pytest
import torch
from sklearn.metrics import roc_auc_score

from graphllm.experiments.llaga import measures
from graphllm.experiments.llaga.measures import (
    class_metrics,
    link_auc,
    link_numbers,
    short_scores,
)
from graphllm.experiments.llaga.questions import Questions
from graphllm.prompts.graph_prompt import classification_prompt, link_prompt


def questions(prompt, answers):
    return Questions(prompt, None, torch.arange(len(answers)), answers)


def test_class_metrics_by_hand():
    prompt = classification_prompt(["a", "b"])
    val = torch.tensor([[2.0, 1.0], [0.0, 1.0]])
    test = torch.tensor([[2.0, 1.0], [0.0, 1.0], [0.0, 1.0], [3.0, 2.0]])
    found = class_metrics(
        *(val, questions(prompt, ["a", "a"])),
        *(test, questions(prompt, ["a", "b", "a", "a"])),
    )
    # Of a: two found, three there. Of b: one of two is right.
    f1 = (2 * 2 / (2 + 3) + 2 * 1 / (2 + 1)) / 2
    expected = {"test_acc": 0.75, "val_acc": 0.5, "test_macro_f1": f1}
    assert found == pytest.approx(expected)


def test_a_link_is_the_first_candidate():
    prompt = link_prompt()
    assert prompt.candidates[0] == "yes"
    answers = ["yes", "no", "yes", "no", "no"]
    scores = torch.tensor([[5.0, 1.0], [4.0, 3.0], [0.0, 1.0], [0.0, 9.0], [7.0, 7.5]])
    found = link_auc(scores, questions(prompt, answers))
    margin = scores[:, 0] - scores[:, 1]
    assert found == pytest.approx(roc_auc_score([1, 0, 1, 0, 0], margin))
    assert found < 1


def test_the_threshold_of_links_is_from_validation():
    prompt = link_prompt()
    answers = ["yes", "yes", "no", "no"]
    # Validation separates at 2.5, which on the test calls everything unlinked.
    val = torch.tensor([[4.0, 0.0], [3.0, 0.0], [2.0, 0.0], [1.0, 0.0]])
    found = link_numbers(
        val, questions(prompt, answers), val - val, questions(prompt, answers)
    )
    assert found["val_auc"] == 1
    assert found["test_auc"] == 0.5
    assert found["test_threshold_acc"] == 0.5
    shifted = torch.tensor([[2.4, 0.0], [2.3, 0.0], [1.0, 0.0], [0.0, 0.0]])
    found = link_numbers(
        val, questions(prompt, answers), shifted, questions(prompt, answers)
    )
    assert found["test_auc"] == 1
    assert found["test_threshold_acc"] == 0.5
    assert {"test_ap", "test_mrr"} <= found.keys()
    assert all(math.isfinite(value) for value in found.values())


def test_scores_are_rounded_and_not_too_many(monkeypatch):
    scores = torch.tensor([[0.123456, -1.0], [2.0, 1e-9]])
    assert short_scores(scores) == [[0.1235, -1.0], [2.0, 0.0]]
    monkeypatch.setattr(measures, "MAX_SCORES", 3)
    assert short_scores(scores) is None
