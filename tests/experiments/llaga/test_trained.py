from dataclasses import replace

import pytest
import torch

from graphllm.experiments.ledger import Ledger
from graphllm.experiments.llaga import (
    LanguageModel,
    LLaGAFit,
    LLaGATraining,
    node_questions,
    score_questions,
    trained,
)
from graphllm.experiments.llaga.trained import new_model, train_model
from graphllm.graph_tokens import HopField, NeighborhoodDetail
from graphllm.models.llaga import LLaGA
from graphllm.prompts.graph_prompt import classification_prompt
from graphllm.testing.tiny_llms import tiny_llm

TRAINING = LLaGATraining(epochs=1, batch_size=8, hidden_channels=8)
TREE = NeighborhoodDetail((3,))


@pytest.fixture
def ask(graph, x):
    prompt = classification_prompt(graph.label_names)

    def asked(template=None, count=16):
        template = template or HopField(1)
        tokens = template.bind(x, graph.edge_index)
        return node_questions(graph, torch.arange(count), prompt, tokens)

    return asked


@pytest.fixture
def train(llm, ask, tmp_path):
    """Calls train_model with defaults; what is given replaces them."""

    def again(finish=lambda model: {"found": 1.0}, **given):
        template = given.pop("template", HopField(1))
        settings = {
            "llm": llm,
            "template": template,
            "in_channels": 24,
            "tasks": (ask(template),),
            "training": TRAINING,
            "validate": lambda model: 0.0,
            "key": {"task": "test"},
            "folder": tmp_path,
            "ledger": Ledger(tmp_path / "trainings.jsonl"),
        }
        return train_model(finish=finish, **{**settings, **given})

    return again


def test_a_finished_training_is_found_again(train, tmp_path, monkeypatch):
    outcome = train()
    assert outcome["found"] == 1.0
    assert outcome["step"] == 2
    assert outcome["samples_per_s"] > 0
    assert not list(tmp_path.glob("training-*"))
    monkeypatch.setattr(trained, "fit_llaga", None)
    assert train(finish=None) == outcome


def test_what_is_kept_for_an_interruption(train, tmp_path):
    def killed(model):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(finish=killed)
    assert len(list(tmp_path.glob("training-*"))) == 1
    outcome = train()
    assert not list(tmp_path.glob("training-*"))
    assert outcome["train_loss"] == train(folder=None, ledger=None)["train_loss"]


def test_the_checkpoint_answers_as_the_model(train, ask, llm, tmp_path):
    scores = []
    outcome = train(finish=lambda m: scores.append(score_questions(m, ask())) or {})
    folder = tmp_path / outcome["checkpoint"]
    model, prompts = LLaGA.load(folder, llm.model, llm.tokenizer)
    assert prompts == [ask().prompt]
    assert torch.equal(score_questions(model, ask()), scores[0])


def test_the_key_has_everything_that_a_training_reads(
    train, ask, llm, monkeypatch, tmp_path
):
    def fit(model, tasks, validate, training, **options):
        return LLaGAFit(step=1)

    monkeypatch.setattr(trained, "fit_llaga", fit)
    other = tiny_llm("gpt2", llm.tokenizer, seed=1)
    basis = tiny_llm("gpt2", llm.tokenizer)
    code = TREE.table.flip(0)
    changes = [
        {},
        {"llm": LanguageModel(other, llm.tokenizer, llm.name)},
        {"template": HopField(2)},
        {"template": HopField(1, "sym")},
        {"template": TREE},
        {"template": replace(TREE, table=code)},
        {"template": replace(TREE, resample=True)},
        {"tasks": (ask(count=15),)},
        {"tasks": (ask(), ask())},
        {"training": replace(TRAINING, lr=1e-5)},
        {"training": replace(TRAINING, dropout=0.1)},
        {"key": {"task": "other"}},
        {"pad_mode": "zero"},
        {"seed": 1},
    ]
    found = [train(**each)["checkpoint"] for each in changes]
    assert len(set(found)) == len(changes)
    # A name, or where it lies, is nothing that a training reads.
    renamed = LanguageModel(basis, llm.tokenizer, "other name")
    assert train(llm=renamed)["checkpoint"] == found[0]


def test_a_new_model_is_a_function_of_the_seed(llm, ask):
    before = torch.random.get_rng_state()
    models = [
        new_model(llm, HopField(1), 24, TRAINING, (ask(),), "mask", seed)
        for seed in (0, 0, 1)
    ]
    assert torch.equal(torch.random.get_rng_state(), before)
    first, same, other = (m.projector.layers[0].weight for m in models)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_inputs_are_standardised_over_all_tasks(llm, ask, monkeypatch):
    tasks = (ask(TREE), ask(TREE, count=70))
    model = new_model(llm, TREE, 24, TRAINING, tasks, "mask", 0)
    assert not model.projector.mean.any()
    assert (model.projector.scale == 1).all()
    standard = replace(TRAINING, standardize=True)
    model = new_model(llm, TREE, 24, standard, tasks, "mask", 0)
    rows = []
    for task in tasks:
        (tokens,) = task.batch(torch.arange(len(task))).tokens
        rows.append(tokens.x[tokens.mask])
    expected = torch.cat(rows).mean(0)
    flat = torch.cat(rows).std(0) < 1e-6
    expected[flat] = 0.0
    assert torch.allclose(model.projector.mean, expected, atol=1e-6)
    # Of many, some spread over all of them.
    monkeypatch.setattr(trained, "MAX_SAMPLED", 4 * TREE.num_tokens)
    model = new_model(llm, TREE, 24, standard, tasks[1:], "mask", 0)
    (tokens,) = tasks[1].batch(torch.tensor([0, 23, 46, 69])).tokens
    expected = tokens.x[tokens.mask].mean(0)
    expected[tokens.x[tokens.mask].std(0) < 1e-6] = 0.0
    assert torch.allclose(model.projector.mean, expected, atol=1e-6)
