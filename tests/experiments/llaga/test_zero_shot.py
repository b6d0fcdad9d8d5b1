import pytest
import torch
from sklearn.metrics import f1_score

from graphllm.experiments.ledger import Ledger
from graphllm.experiments.llaga import node_questions, zero_shot
from graphllm.experiments.llaga.zero_shot import (
    majority_metrics,
    text_zero_shot,
    with_balanced,
    zero_shot_metrics,
)
from graphllm.models.llaga import balance
from graphllm.prompts.graph_prompt import classification_prompt


def test_reads_the_texts_and_keeps_what_it_found(graph, llm, tmp_path, monkeypatch):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    nodes = torch.arange(9)
    seen = []
    found = text_zero_shot(
        *(graph, nodes, llm, "generic"),
        ledger=ledger,
        progress=lambda *news: seen.append(news),
    )
    assert seen == [("read texts", 0, 1), ("read texts", 1, 1)]
    scores = torch.tensor(found["scores"])
    assert scores.shape == (9, 3)
    right = scores.argmax(1) == graph.y[:9]
    assert found["metrics"]["test_acc"] == pytest.approx(float(right.double().mean()))
    monkeypatch.setattr(zero_shot, "score_questions", None)
    assert text_zero_shot(graph, nodes, llm, "generic", ledger=ledger) is found
    changed = graph.clone()
    changed.text = [*graph.text[:8], "another text", *graph.text[9:]]
    with pytest.raises(TypeError):
        text_zero_shot(changed, nodes, llm, "generic", ledger=ledger)
    relabelled = graph.clone()
    relabelled.y = (graph.y + 1) % 3
    with pytest.raises(TypeError):
        text_zero_shot(relabelled, nodes, llm, "generic", ledger=ledger)


def test_texts_alone_decide(graph, llm):
    nodes = torch.arange(6)
    found = text_zero_shot(graph, nodes, llm, "generic")
    bare = graph.clone()
    bare.edge_index = graph.edge_index[:, :0]
    assert text_zero_shot(bare, nodes, llm, "generic") == found
    assert text_zero_shot(graph, nodes.flip(0), llm, "generic") != found


def test_metrics(graph):
    prompt = classification_prompt(graph.label_names)
    asked = node_questions(graph, torch.arange(12), prompt, None)
    # All for the first class, but not equally.
    scores = torch.zeros(12, 3).log_softmax(1)
    scores[:, 0] += 3.0
    scores[torch.arange(12), asked.target] += 0.1
    found = zero_shot_metrics(scores, asked)
    target, even = asked.target, balance(scores).argmax(1)
    assert found["test_acc"] == pytest.approx(float((target == 0).double().mean()))
    assert found["test_acc_balanced"] == 1.0
    for name, predicted in (("", scores.argmax(1)), ("_balanced", even)):
        expected = f1_score(target, predicted, average="macro")
        assert found[f"test_macro_f1{name}"] == pytest.approx(expected)


def test_balanced_metrics_are_an_arm_of_their_own():
    metrics = {"test_acc": 0.1, "test_macro_f1": 0.2}
    even = {"test_acc_balanced": 0.3, "test_macro_f1_balanced": 0.4}
    arms = with_balanced("read", {"metrics": metrics | even, "scores": [1]})
    assert list(arms) == ["read", "read_balanced"]
    assert arms["read"]["metrics"] == metrics
    assert arms["read_balanced"]["metrics"] == {"test_acc": 0.3, "test_macro_f1": 0.4}
    only = {"metrics": metrics}
    assert with_balanced("gcn", only) == {"gcn": only}


def test_the_majority():
    target = torch.tensor([2, 0, 2, 1, 2])
    found = majority_metrics(target)
    assert found["test_acc"] == pytest.approx(0.6)
    expected = f1_score(target, [2] * 5, average="macro")
    assert found["test_macro_f1"] == pytest.approx(expected)
