import pytest
import torch

from graphllm.enhance import Answer, attach
from graphllm.experiments.describe import (
    answer_statistics,
    examples,
    score_metrics,
)
from graphllm.experiments.fit import Score


@pytest.fixture
def enhanced(tiny):
    answers = [
        Answer(0, "expand@1", "about Cooking", True, "about Cooking"),
        Answer(2, "expand@1", "a thing", True, "a thing"),
        Answer(3, "expand@1", "", False, ""),
        Answer(5, "expand@1", "", False, "", "timeout"),
    ]
    x = torch.tensor([[1.0, 0.0]]).repeat(6, 1)
    rows = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    return attach(tiny, x, torch.tensor([0, 2]), rows, answers)


def test_counts_by_hand(enhanced):
    assert answer_statistics(enhanced) == {
        "asked": 4,
        "parsed": 2,
        "unparsed": 1,
        "failed": 1,
        "label_mentions": 0.5,
        "cosine_to_text": 0.5,
    }


def test_no_usable_answer(tiny):
    data = attach(tiny, torch.ones(6, 2), torch.empty(0).long(), torch.empty(0, 2), [])
    numbers = answer_statistics(data)
    assert numbers["label_mentions"] is None
    assert numbers["cosine_to_text"] is None
    assert examples(data) == []


def test_examples_show_text_and_every_answer(enhanced):
    shown = examples(enhanced)
    assert [e["node"] for e in shown] == [0, 2]
    assert shown[0]["label"] == "astronomy"
    assert shown[0]["text"] == "a star"
    assert shown[0]["answers"][0]["raw"] == "about Cooking"
    assert len(examples(enhanced, count=1)) == 1


def test_metrics_of_scores():
    metrics = score_metrics({"a": [Score(0.5, 0.25, 3), Score(0.75, 0.75, 5)]})
    assert metrics["a"]["test_acc"]["mean"] == 0.5
    assert metrics["a"]["val_acc"]["values"] == [0.5, 0.75]
    assert metrics["a"]["epoch"]["mean"] == 4
