from dataclasses import asdict, replace

import pytest
import torch

from graphllm.data import split_links
from graphllm.errors import GraphLLMError, TextGraphError
from graphllm.experiments.llaga import (
    LanguageModel,
    LLaGATraining,
    fit_llaga,
    link_questions,
    node_questions,
    score_questions,
)
from graphllm.experiments.llaga import state as state_module
from graphllm.experiments.llaga.questions import mean_loss
from graphllm.graph_tokens import NeighborhoodDetail
from graphllm.models.llaga import LLaGA
from graphllm.prompts.graph_prompt import classification_prompt, link_prompt
from graphllm.testing.tiny_llms import byte_tokenizer, tiny_llm

TRAINING = LLaGATraining(
    lr=0.02, epochs=3, batch_size=6, hidden_channels=16, dropout=0.3
)


class Killed(Exception):
    """Stands for the end of the process."""


@pytest.fixture(scope="module")
def llm():
    """As small as can be: the training is under test, not what it learns."""
    tokenizer = byte_tokenizer()
    model = tiny_llm("gpt2", tokenizer, hidden_size=16, n_layer=1)
    return LanguageModel(model, tokenizer, "tiny")


@pytest.fixture
def setting(llm, plant, encode):
    """Makes the same model and the same two tasks again and again."""
    data = plant(24)
    x = encode(data.text)
    split = split_links(data)
    template = NeighborhoodDetail((3,), pe=None, resample=True)

    def make(dropout=TRAINING.dropout):
        tokens = template.bind(x, data.edge_index)
        prompt = classification_prompt(data.label_names)
        nodes = node_questions(data, torch.arange(10), prompt, tokens)
        pairs, label = split.train
        chosen = torch.tensor([0, 1, -2, -1])
        tokens = template.bind(x, split.train_edges)
        links = link_questions(pairs[chosen], label[chosen], link_prompt(), tokens)
        torch.manual_seed(5)
        model = LLaGA(
            *(llm.model, llm.tokenizer, template, x.size(1)),
            hidden_channels=16,
            dropout=dropout,
        )
        return model, (nodes, links)

    return make


def outcome(model, fit):
    curves = {k: v for k, v in asdict(fit).items() if k != "seconds"}
    return curves, [p.detach().clone() for p in model.trainable()]


def same(one, other):
    assert one[0] == other[0]
    for left, right in zip(one[1], other[1], strict=True):
        assert torch.equal(left, right)


def run(setting, *, training=TRAINING, kill_step=None, kill_validation=None, **options):
    """One process: trains until it is done or killed."""
    model, tasks = setting()
    count = [0]

    def progress(stage, done, total):
        assert (stage, total) == ("train", 9)
        if done == kill_step:
            raise Killed

    def validate():
        count[0] += 1
        if count[0] == kill_validation:
            raise Killed
        # The best is in the middle, and some of it is chance.
        scores = score_questions(model, tasks[0])
        return -float(scores.std()) + float(torch.rand(()))

    fit = fit_llaga(model, tasks, validate, training, progress=progress, **options)
    return outcome(model, fit)


def test_goes_on_wherever_it_was_cut(setting, tmp_path):
    whole = run(setting)
    assert whole[0]["step"] == 9
    assert len(whole[0]["val"]) == 3
    # Two tasks of ten and four questions in batches of six: three steps an epoch.
    # Killed before anything was kept, in an epoch, at its end, and at the very end.
    for number in (1, 3, 5, 6, 9):
        folder = tmp_path / str(number)
        with pytest.raises(Killed):
            run(setting, kill_step=number, folder=folder, save_every=2)
        same(run(setting, folder=folder, save_every=2), whole)


def test_goes_on_after_a_validation_that_was_cut(setting, tmp_path):
    whole = run(setting)
    for save_every in (1, 100):
        folder = tmp_path / str(save_every)
        # The second process validates the first epoch, and dies in the second one's.
        for kill in (1, 2):
            with pytest.raises(Killed):
                run(setting, kill_validation=kill, folder=folder, save_every=save_every)
        same(run(setting, folder=folder, save_every=save_every), whole)


def test_goes_on_after_a_state_half_written(setting, tmp_path, monkeypatch):
    whole = run(setting)
    replace_file = state_module.os.replace
    for number in (2, 3, 4):
        folder, left = tmp_path / str(number), [number]

        def dies(*paths, left=left):
            left[0] -= 1
            if left[0] == 0:
                raise Killed
            replace_file(*paths)

        with monkeypatch.context() as patched:
            patched.setattr(state_module.os, "replace", dies)
            with pytest.raises(Killed):
                run(setting, folder=folder, save_every=2)
        same(run(setting, folder=folder, save_every=2), whole)


def test_a_finished_training_is_not_gone_on_with(setting, tmp_path):
    whole = run(setting, folder=tmp_path)
    assert len(list(tmp_path.glob("*.safetensors"))) == 1
    same(run(setting, folder=tmp_path, kill_step=1, kill_validation=1), whole)


def test_seeds_differ_and_the_random_state_is_left(setting):
    before = torch.random.get_rng_state()
    model, tasks = setting()
    torch.random.set_rng_state(before)
    fit = fit_llaga(model, tasks, lambda: 0.0, TRAINING, seed=1)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not model.training
    other, tasks = setting()
    assert fit_llaga(other, tasks, lambda: 0.0, TRAINING, seed=2).train_loss != (
        fit.train_loss
    )


def test_the_best_epoch_is_kept_and_patience_ends_it(setting):
    model, tasks = setting()
    script = iter([0.2, 0.5, 0.5, 0.1, 0.9])
    seen = []

    def validate():
        seen.append([p.detach().clone() for p in model.trainable()])
        return next(script)

    training = replace(TRAINING, epochs=9, patience=2)
    fit = fit_llaga(model, tasks, validate, training)
    # An equal value is no better one: two epochs after the second it ends.
    assert fit.val == [0.2, 0.5, 0.5, 0.1]
    assert (fit.epoch, fit.step, len(fit.train_loss)) == (2, 12, 4)
    for now, best, last in zip(model.trainable(), seen[1], seen[3], strict=True):
        assert torch.equal(now, best)
        assert not torch.equal(best, last)


def test_the_loss_is_the_likelihood_of_answers(setting):
    model, (nodes, _) = setting(dropout=0.0)
    # One batch, read before the first step.
    training = replace(TRAINING, epochs=1, batch_size=10, dropout=0.0)
    expected = mean_loss(model, nodes)
    fit = fit_llaga(model, [nodes], lambda: 0.0, training)
    assert fit.train_loss == [pytest.approx(expected, rel=1e-5)]
    assert fit.step == 1
    assert mean_loss(model, nodes) < expected


def test_smoothed_loss_is_over_candidates(setting):
    model, (nodes, _) = setting(dropout=0.0)
    training = replace(
        TRAINING, epochs=1, batch_size=10, dropout=0.0, label_smoothing=0.2
    )
    log = score_questions(model, nodes).log_softmax(1)
    own = log[torch.arange(10), nodes.target]
    expected = float(-(0.8 * own + 0.2 * log.mean(1)).mean())
    fit = fit_llaga(model, [nodes], lambda: 0.0, training)
    assert fit.train_loss == [pytest.approx(expected, rel=1e-4)]


def test_without_candidates_there_is_nothing_to_smooth(setting):
    model, (nodes, _) = setting(dropout=0.0)
    bare = replace(nodes, prompt=replace(nodes.prompt, candidates=()))
    training = replace(TRAINING, epochs=1, batch_size=10, dropout=0.0)
    losses = []
    for smoothing in (0.0, 0.3):
        model, _ = setting(dropout=0.0)
        smooth = replace(training, label_smoothing=smoothing)
        losses += fit_llaga(model, [bare], lambda: 0.0, smooth).train_loss
    assert losses[0] == losses[1]


def test_the_rate_rises_and_falls(setting, monkeypatch):
    rates = []

    class Spy(torch.optim.AdamW):
        def step(self, closure=None):
            rates.append({group["lr"] for group in self.param_groups})
            return super().step(closure)

    monkeypatch.setattr(torch.optim, "AdamW", Spy)
    model, tasks = setting()
    fit_llaga(model, tasks, lambda: 0.0, replace(TRAINING, warmup=0.34, patience=9))
    found = [rate for (rate,) in rates]
    assert len(found) == 9
    assert found[:4] == pytest.approx([0.02 / 3, 0.04 / 3, 0.02, 0.02])
    # Half of a cosine over the six steps that are left.
    assert found[6] == pytest.approx(0.01)
    assert found[3:] == sorted(found[3:], reverse=True)
    assert 0 < found[-1] < 0.002


def test_every_question_of_every_task_is_asked_once_an_epoch(setting, monkeypatch):
    model, tasks = setting()
    asked = []
    for number, task in enumerate(tasks):
        batch = task.batch

        def spy(index, epoch=0, number=number, batch=batch):
            asked.append((epoch, number, index.tolist()))
            return batch(index, epoch)

        monkeypatch.setitem(task.__dict__, "batch", spy)
    fit_llaga(model, tasks, lambda: 0.0, TRAINING)
    orders = []
    for epoch in range(3):
        found = [(number, rows) for at, number, rows in asked if at == epoch]
        assert [len(rows) for _, rows in sorted(found, key=lambda f: f[0])].count(
            4
        ) == 2
        for number, size in ((0, 10), (1, 4)):
            rows = [row for which, part in found if which == number for row in part]
            assert sorted(rows) == list(range(size))
            orders.append(tuple(rows))
    assert len(set(orders)) > 3


def test_the_language_model_stays_as_it_was(setting, llm):
    before = [p.detach().clone() for p in llm.model.parameters()]
    run(setting)
    for old, new in zip(before, llm.model.parameters(), strict=True):
        assert torch.equal(old, new)


def test_no_questions(setting):
    model, (nodes, _) = setting()
    for tasks in ([], [nodes, nodes.take(torch.arange(0))]):
        with pytest.raises(TextGraphError, match="no training questions"):
            fit_llaga(model, tasks, lambda: 0.0, TRAINING)


def test_a_loss_that_is_no_number(setting):
    model, (nodes, _) = setting()
    model.projector.layers[0].weight.data[0, 0] = float("nan")
    with pytest.raises(GraphLLMError, match=r"loss is nan in epoch 1.*learning rate"):
        fit_llaga(model, [nodes], lambda: 0.0, TRAINING)


def test_a_validation_that_is_no_number(setting):
    model, tasks = setting()
    with pytest.raises(GraphLLMError, match="validation after epoch 1"):
        fit_llaga(model, tasks, lambda: float("nan"), TRAINING)
