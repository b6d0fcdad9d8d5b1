from copy import copy
from dataclasses import replace

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from torch.nn.functional import one_hot

from graphllm.enhance import attach
from graphllm.errors import TextGraphError, UnknownNameError
from graphllm.experiments import Training
from graphllm.experiments.ledger import Ledger
from graphllm.experiments.same_features import fit_logistic, gnn_node, linear_probe
from graphllm.testing import sbm_text_graph

SHORT = Training(hidden_channels=16, epochs=40, patience=40)
CONTROLS = {
    "gcn": lambda data: gnn_node(data, "gcn", seed=3, training=SHORT),
    "sage": lambda data: gnn_node(data, "sage", seed=3, training=SHORT),
    "probe": linear_probe,
}
controls = pytest.mark.parametrize("control", CONTROLS.values(), ids=CONTROLS)


@pytest.fixture
def graph():
    """Classes show in the vectors, dimly, and in the edges, clearly."""
    data = sbm_text_graph(150, 0.2, 0.01, seed=4)
    noise = torch.randn(150, 12, generator=torch.Generator().manual_seed(1))
    data.x = one_hot(data.y, 12).float() + 0.7 * noise
    return data


@controls
def test_learns_what_was_planted(graph, control):
    done = control(graph)
    assert done.test["accuracy"] > 0.55  # chance is one third
    assert done.val["accuracy"] > 0.55
    assert done.test["macro_f1"] > 0.5


def test_edges_help_the_networks_and_the_probe_has_none(graph):
    probe, gcn = linear_probe(graph), CONTROLS["gcn"](graph)
    assert gcn.test["accuracy"] > probe.test["accuracy"]
    alone = copy(graph)
    alone.edge_index = graph.edge_index[:, :0]
    assert linear_probe(alone).output.equal(probe.output)
    assert not CONTROLS["gcn"](alone).output.equal(gcn.output)


@controls
def test_nothing_to_learn_is_chance(graph, control):
    graph.x = torch.randn(150, 12, generator=torch.Generator().manual_seed(2))
    graph.edge_index = graph.edge_index[:, :0]
    assert abs(control(graph).test["accuracy"] - 1 / 3) < 0.2


@controls
def test_the_numbers_are_of_the_predictions(graph, control):
    done = control(graph)
    assert done.output.shape == (150,)
    for numbers, mask in ((done.val, graph.val_mask), (done.test, graph.test_mask)):
        right = (done.output == graph.y)[mask]
        assert numbers["accuracy"] == pytest.approx(float(right.float().mean()))
        expected = f1_score(graph.y[mask], done.output[mask], average="macro")
        assert numbers["macro_f1"] == pytest.approx(expected)


@controls
def test_test_labels_play_no_part(graph, control):
    before = control(graph)
    shuffled = copy(graph)
    shuffled.y = torch.where(graph.test_mask, (graph.y + 1) % 3, graph.y)
    after = control(shuffled)
    assert after.output.equal(before.output)
    assert after.val == before.val
    assert after.test != before.test


@pytest.mark.parametrize(
    "control",
    [
        lambda data: gnn_node(data, training=replace(SHORT, epochs=1)),
        lambda data: linear_probe(data, strengths=(0.01,)),
    ],
)
def test_validation_labels_only_choose(graph, control):
    # With one epoch or one penalty there is nothing to choose.
    before = control(graph)
    poisoned = copy(graph)
    poisoned.y = torch.where(graph.val_mask, (graph.y + 1) % 3, graph.y)
    after = control(poisoned)
    assert after.output.equal(before.output)
    assert after.val != before.val


@controls
def test_reproducible_and_quiet(graph, control):
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first = control(graph)
    assert torch.get_rng_state().equal(state)
    torch.rand(3)
    second = control(graph)
    assert first.output.equal(second.output)
    assert (first.val, first.test) == (second.val, second.test)


def test_the_seed_counts(graph):
    outcomes = [
        gnn_node(graph, seed=seed, training=replace(SHORT, epochs=3)).output
        for seed in (0, 1)
    ]
    assert not outcomes[0].equal(outcomes[1])


def test_enhanced_features_and_weights_are_not_read(graph):
    clean = one_hot(graph.y, 12).float()
    enhanced = attach(graph, graph.x, torch.arange(150), clean, [], 1.0)
    enhanced.free_edge_weight = torch.rand(graph.num_edges)
    assert CONTROLS["gcn"](enhanced).output.equal(CONTROLS["gcn"](graph).output)


def test_a_finished_training_is_not_run_again(graph, tmp_path, monkeypatch):
    ledger = Ledger(tmp_path / "trainings.jsonl")
    first = gnn_node(graph, seed=1, training=SHORT, ledger=ledger)
    monkeypatch.setattr(Training, "network", None)
    again = gnn_node(graph, seed=1, training=SHORT, ledger=ledger)
    assert again.output.equal(first.output)
    assert again.test == first.test


def test_the_penalty_is_chosen_on_validation(graph):
    x = graph.x / graph.x[graph.train_mask].square().mean().sqrt()
    scores = {}
    for strength in (1e-4, 1e-2, 1.0):
        model = LogisticRegression(C=strength, max_iter=2000)
        model.fit(x[graph.train_mask], graph.y[graph.train_mask])
        predicted = torch.from_numpy(model.predict(x))
        right = (predicted == graph.y)[graph.val_mask]
        scores[strength] = float(right.float().mean()), predicted
    best = max(scores.values(), key=lambda pair: pair[0])
    done = linear_probe(graph, strengths=(1e-4, 1e-2, 1.0))
    assert done.val["accuracy"] == pytest.approx(best[0])
    assert done.output.equal(best[1])
    assert len({accuracy for accuracy, _ in scores.values()}) > 1


def test_of_equals_the_strongest_penalty(graph):
    once = linear_probe(graph, strengths=(0.01,))
    assert linear_probe(graph, strengths=(0.01, 0.010000001)).output.equal(once.output)


def test_the_probe_reads_any_scale_alike(graph):
    before = linear_probe(graph)
    graph.x = 1024 * graph.x
    assert linear_probe(graph).output.equal(before.output)


def test_features_of_zeros(graph):
    graph.x = torch.zeros_like(graph.x)
    assert linear_probe(graph).output.unique().numel() == 1


@pytest.mark.parametrize("name", ["x", "y", "val_mask", "label_names"])
@pytest.mark.parametrize("control", [gnn_node, linear_probe])
def test_what_is_missing_is_named(graph, control, name):
    graph[name] = None
    with pytest.raises(TextGraphError, match=f"the graph has no '{name}'"):
        control(graph)


def test_one_class_cannot_be_told_apart(graph):
    graph.train_mask = graph.train_mask & (graph.y == 2)
    with pytest.raises(
        TextGraphError, match=r"all \d+ training examples are of class 2"
    ):
        linear_probe(graph)


def test_no_strengths(graph):
    with pytest.raises(ValueError, match="'strengths' is empty"):
        linear_probe(graph, strengths=())


def test_an_unknown_network(graph):
    with pytest.raises(UnknownNameError, match="Did you mean 'gcn'"):
        gnn_node(graph, "gccn")


def test_logistic_regression_follows_its_strength():
    x = torch.tensor([[-1.0], [1.0]]).repeat(5, 1)
    y = torch.tensor([0, 1]).repeat(5)
    weak, strong = (fit_logistic(x, y, each).coef_[0, 0] for each in (0.01, 10.0))
    assert 0 < weak < strong
