import json
from dataclasses import replace

import pytest
import torch

from graphllm.errors import GraphLLMError
from graphllm.experiments.llaga import LLaGATraining, fit_llaga, node_questions
from graphllm.experiments.llaga.state import CURVES
from graphllm.graph_tokens import HopField
from graphllm.models.llaga import LLaGA
from graphllm.prompts.graph_prompt import classification_prompt

TRAINING = LLaGATraining(epochs=1, batch_size=4, hidden_channels=8)


@pytest.fixture
def fit(llm, graph, x, tmp_path):
    tokens = HopField(1).bind(x, graph.edge_index)
    prompt = classification_prompt(graph.label_names)

    def again(training=TRAINING, folder=tmp_path / "state", count=6, **options):
        model = LLaGA(
            *(llm.model, llm.tokenizer, HopField(1), x.size(1)),
            hidden_channels=training.hidden_channels,
        )
        asked = node_questions(graph, torch.arange(count), prompt, tokens)
        return fit_llaga(
            *(model, [asked], lambda: 0.0, training), folder=folder, **options
        )

    return again


@pytest.mark.parametrize(
    ("changed", "odd"),
    [
        ({"seed": 1}, "seed"),
        ({"count": 5}, "sizes"),
        ({"training": replace(TRAINING, lr=0.5)}, "lr"),
        ({"training": replace(TRAINING, epochs=2)}, "epochs"),
    ],
)
def test_the_state_of_another_training(fit, changed, odd):
    fit()
    with pytest.raises(GraphLLMError, match=f"it has another {odd}.*remove the folder"):
        fit(**changed)


def test_a_damaged_state(fit, tmp_path):
    fit()
    (kept,) = (tmp_path / "state").glob("*.safetensors")
    kept.write_bytes(kept.read_bytes()[:100])
    with pytest.raises(GraphLLMError, match="cannot go on with the training in"):
        fit()
    kept.unlink()
    with pytest.raises(GraphLLMError, match="cannot go on with the training in"):
        fit()


@pytest.mark.parametrize("text", ["{", "[]", '{"about": {}}', "null"])
def test_damaged_curves(fit, tmp_path, text):
    fit()
    (tmp_path / "state" / CURVES).write_text(text)
    with pytest.raises(GraphLLMError, match="cannot go on with the training in"):
        fit()


def test_curves_are_plain_text(fit, tmp_path):
    done = fit()
    record = json.loads((tmp_path / "state" / CURVES).read_text())
    assert record["fit"]["train_loss"] == done.train_loss
    assert record["about"]["lr"] == TRAINING.lr


def test_a_folder_that_cannot_be_made(fit, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(GraphLLMError, match=r"cannot write .*free some space"):
        fit(folder=tmp_path / "file")
