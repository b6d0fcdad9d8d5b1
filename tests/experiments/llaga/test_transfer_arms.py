import pytest
import torch

from graphllm.data import apply_split
from graphllm.experiments.llaga import LLaGATraining, node_questions, score_questions
from graphllm.experiments.llaga.trained import new_model
from graphllm.experiments.llaga.transfer_arms import (
    BoundGraph,
    Setting,
    transfer_arms,
)
from graphllm.experiments.llaga.zero_shot import text_zero_shot, zero_shot_metrics
from graphllm.graph_tokens import HopField
from graphllm.prompts.graph_prompt import classification_prompt

TRAINING = LLaGATraining(epochs=1, batch_size=16, hidden_channels=8)


@pytest.fixture
def bound(encode):
    def make(data, domain="generic"):
        data.x = encode(data.text)
        prompt = classification_prompt(data.label_names, domain)
        return BoundGraph(
            data, domain, prompt, HopField(1).bind(data.x, data.edge_index)
        )

    return make


def test_arms_of_a_graph_that_was_held_out(bound, plant, llm, brief_gnns):
    learned = [bound(plant(30)), bound(plant(36, seed=2, names="xyz"))]
    held = bound(plant(27, seed=3, names="uvw"), "wiki")
    held.data.y[0] = -1
    setting = Setting(llm, HopField(1), TRAINING, "mask", 4, None, None, None)
    split = "random-60-20-20"
    found, outcome = transfer_arms(setting, learned, [held], split, None)
    assert list(found) == [
        *("llaga_planted1", "llaga_planted2", "gcn_planted1", "gcn_planted2"),
        *("zero_shot_planted3", "zero_shot_planted3_balanced", "untrained_planted3"),
        *("text_zero_shot_planted3", "majority_planted3"),
    ]
    assert outcome["step"] == 2 + 2
    nodes = torch.arange(1, 27)
    asked = node_questions(held.data, nodes, held.prompt, held.tokens)
    tasks = tuple(
        each.ask(apply_split(each.data, split, 4).train_mask) for each in learned
    )
    before = new_model(llm, HopField(1), 24, TRAINING, tasks, "mask", 4)
    expected = zero_shot_metrics(score_questions(before, asked), asked)
    names = ("test_acc", "test_macro_f1")
    untrained = {name: expected[name] for name in names}
    assert found["untrained_planted3"]["metrics"] == untrained
    texts = text_zero_shot(held.data, nodes, llm, "wiki")["metrics"]
    read = {name: texts[name] for name in names}
    assert found["text_zero_shot_planted3"]["metrics"] == read
    share = float(held.data.y[1:].bincount().max()) / 26
    assert found["majority_planted3"]["metrics"]["test_acc"] == pytest.approx(share)


def test_the_choice_is_by_the_mean_over_graphs(bound, plant, llm, brief_gnns):
    learned = [bound(plant(30)), bound(plant(36, seed=2, names="xyz"))]
    setting = Setting(llm, HopField(1), TRAINING, "mask", 0, None, None, None)
    found, outcome = transfer_arms(setting, learned, [], "random-60-20-20", None)
    val = [found[f"llaga_planted{n}"]["metrics"]["val_acc"] for n in (1, 2)]
    assert outcome["val"] == [pytest.approx(sum(val) / 2)]
