import pytest
import torch

from graphllm.experiments.ledger import Ledger
from graphllm.experiments.llaga import LLaGATraining, node_questions, score_questions
from graphllm.experiments.llaga.arm import Split, train_arm
from graphllm.experiments.llaga.measures import class_accuracy, class_metrics
from graphllm.graph_tokens import HopField
from graphllm.models.llaga import LLaGA
from graphllm.prompts.graph_prompt import classification_prompt

TRAINING = LLaGATraining(epochs=2, batch_size=8, hidden_channels=8)


@pytest.fixture
def split(graph, x):
    tokens = HopField(1).bind(x, graph.edge_index)
    prompt = classification_prompt(graph.label_names)
    parts = torch.arange(36).split([16, 8, 12])
    train, val, test = (node_questions(graph, part, prompt, tokens) for part in parts)
    return Split((train,), val, test, {"task": "nc"})


def train(llm, split, **options):
    first = (llm, HopField(1), 24, split, TRAINING)
    return train_arm(*first, class_accuracy, class_metrics, **options)


def test_the_outcome_of_an_arm(llm, split, tmp_path):
    outcome = train(llm, split, folder=tmp_path)
    model, _ = LLaGA.load(tmp_path / outcome["checkpoint"], llm.model, llm.tokenizer)
    val, test = (score_questions(model, each) for each in (split.val, split.test))
    assert torch.allclose(torch.tensor(outcome["scores"]), test, atol=1e-4)
    assert outcome["metrics"] == class_metrics(val, split.val, test, split.test)
    assert outcome["val"][outcome["epoch"] - 1] == max(outcome["val"])
    assert outcome["metrics"]["val_acc"] == max(outcome["val"])
    assert outcome["explanations"]
    assert len(outcome["train_loss"]) == 2


def test_other_held_out_questions_are_another_arm(llm, split, tmp_path):
    ledger = Ledger(tmp_path / "trainings.jsonl")
    first = train(llm, split, folder=tmp_path, ledger=ledger)
    assert train(llm, split, folder=tmp_path, ledger=ledger) is first
    fewer = Split(split.train, split.val, split.test.take(torch.arange(5)), split.key)
    second = train(llm, fewer, folder=tmp_path, ledger=ledger)
    assert len(second["scores"]) == 5
    assert second["train_loss"] == first["train_loss"]
