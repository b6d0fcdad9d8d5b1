from functools import wraps

import pytest
import torch

from graphllm.experiments import Arm, Ledger, Training, train_arm
from graphllm.experiments.mog import trained as module
from graphllm.experiments.mog.arms import Joint
from graphllm.experiments.mog.trained import train_alone, train_jointly, train_scored

TRAINING = Training("gcn", 2, 8, epochs=12, patience=12)
JOINT = Joint("mog_vote", 0.4, ("degree", "jaccard"), (0.2, 0.4), 2, interval=2)


def test_all_edges_are_the_plain_network(graph):
    every = torch.arange(graph.num_edges)
    ours = train_alone(graph, every, 3, TRAINING)
    theirs = train_arm(Arm(graph, {"plain": False}), 3, TRAINING)
    assert ours.score == theirs.scores["plain"]
    assert ours.train_loss == theirs.train_loss
    assert ours.routing is None


def test_some_edges_are_the_plain_network_on_these(graph):
    e_id = torch.arange(0, graph.num_edges, 3)
    ours = train_alone(graph, e_id, 3, TRAINING)
    few = graph.clone()
    few.edge_index = graph.edge_index[:, e_id]
    theirs = train_arm(Arm(few, {"plain": False}), 3, TRAINING)
    assert ours.train_loss == theirs.train_loss
    assert torch.equal(ours.e_id, e_id)
    whole = train_alone(graph, torch.arange(graph.num_edges), 3, TRAINING)
    assert ours.train_loss != whole.train_loss


def test_a_score_keeps_what_it_is_told_to(graph):
    done = train_scored(graph, "jaccard", 0.5, 60, 0, TRAINING)
    assert done.e_id.numel() == 60
    assert done.sparsify_ms > 0


def test_a_joint_training_starts_from_the_networks_usual_parameters(graph, monkeypatch):
    states = []
    real = module.fit_sparsified

    @wraps(real)
    def watched(model, *args, **options):
        states.append({k: v.clone() for k, v in model.gnn.state_dict().items()})
        return real(model, *args, **options)

    monkeypatch.setattr(module, "fit_sparsified", watched)
    train_jointly(graph, JOINT, 5, TRAINING)
    train_jointly(graph, Joint("ugs", 0.4), 5, TRAINING, kept=60)
    torch.manual_seed(5)
    usual = TRAINING.network(graph.x.size(1), 3).backbone.state_dict()
    for state in states:
        assert all(torch.equal(state[name], usual[name]) for name in usual)


def test_seeds_differ_and_repeat(graph):
    first, again, other = (train_jointly(graph, JOINT, s, TRAINING) for s in (0, 0, 1))
    assert first.train_loss == again.train_loss
    assert torch.equal(first.e_id, again.e_id)
    assert first.train_loss != other.train_loss


def test_the_callers_random_state_is_left_alone(graph):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train_jointly(graph, JOINT, 0, TRAINING)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("joint", [JOINT, Joint("ugs", 0.4)])
def test_a_finished_training_comes_back_whole(graph, joint, tmp_path, no_training):
    path = tmp_path / "trainings.jsonl"
    first = train_jointly(graph, joint, 0, TRAINING, Ledger(path))
    no_training()
    again = train_jointly(graph, joint, 0, TRAINING, Ledger(path))
    assert torch.equal(again.e_id, first.e_id)
    assert vars(again) | {"e_id": 0} == vars(first) | {"e_id": 0}
    assert (first.routing is None) == (joint.family == "ugs")


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"kept": 50}, {"joint": Joint("ugs", 0.3)}, {"graph": 0}]
)
def test_whatever_else_changed_is_another_training(graph, change, tmp_path):
    ledger = Ledger(tmp_path / "trainings.jsonl")
    given = {"joint": Joint("ugs", 0.4), "seed": 0, "kept": None}
    train_jointly(graph, training=TRAINING, ledger=ledger, **given)
    if "graph" in change:
        graph = graph.clone()
        graph.edge_index = graph.edge_index.flip(1)
        change = {}
    train_jointly(graph, training=TRAINING, ledger=ledger, **{**given, **change})
    assert len(ledger.path.read_text().splitlines()) == 2
