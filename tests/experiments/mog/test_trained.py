from functools import wraps

import pytest
import torch

from graphllm.experiments import Arm, Ledger, Training, train_arm
from graphllm.experiments.mog import trained as module
from graphllm.experiments.mog.arms import Joint
from graphllm.experiments.mog.trained import (
    WarmNetwork,
    train_alone,
    train_jointly,
    train_on,
    train_scored,
)

TRAINING = Training("gcn", 2, 8, epochs=12, patience=12)


def warm(graph, seed=0, training=TRAINING):
    return WarmNetwork(graph, seed, training)


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
    done = train_scored(graph, "jaccard", 0.5, 60, warm(graph))
    assert done.e_id.numel() == 60
    assert done.sparsify_ms > 0


def test_the_warm_network_is_the_plain_one_at_its_best(graph):
    training = Training("gcn", 2, 8, epochs=60, patience=60)
    network = warm(graph, 3, training)
    theirs = train_arm(Arm(graph, {"plain": False}), 3, training).scores["plain"]
    gnn = network.copy().eval()
    right = (gnn(graph.x, graph.edge_index).argmax(dim=-1) == graph.y).float()
    assert float(right[graph.val_mask].mean()) == pytest.approx(theirs.val_acc)
    assert float(right[graph.test_mask].mean()) == pytest.approx(theirs.test_acc)
    # Every arm has one of its own.
    next(gnn.parameters()).data.zero_()
    assert next(network.copy().parameters()).abs().sum() > 0


def test_every_arm_starts_from_the_warm_network(graph, monkeypatch):
    network, states = warm(graph, 5), []
    usual = network.copy().state_dict()
    part = {"fit_sparsified": lambda model: model.gnn, "fit_network": lambda gnn: gnn}
    for name, gnn_of in part.items():
        real = getattr(module, name)

        @wraps(real)
        def watched(model, *args, real=real, gnn_of=gnn_of, **options):
            state = gnn_of(model).state_dict()
            states.append({k: v.clone() for k, v in state.items()})
            return real(model, *args, **options)

        monkeypatch.setattr(module, name, watched)
    train_jointly(graph, JOINT, network)
    train_jointly(graph, Joint("ugs", 0.4), network, kept=60)
    train_scored(graph, "random", 0.4, 60, network)
    train_on(graph, torch.arange(graph.num_edges), network)
    assert len(states) == 4
    for state in states:
        assert all(torch.equal(state[name], usual[name]) for name in usual)


def test_learning_on_is_on_the_edges_given(graph):
    network, e_id = warm(graph), torch.arange(0, graph.num_edges, 3)
    done = train_on(graph, e_id, network)
    whole = train_on(graph, torch.arange(graph.num_edges), network)
    assert torch.equal(done.e_id, e_id)
    assert done.train_loss[0] != whole.train_loss[0]
    assert len(done.train_loss) <= TRAINING.epochs // 2


def test_learning_on_comes_back_whole(graph, tmp_path, monkeypatch):
    path, e_id = tmp_path / "trainings.jsonl", torch.arange(0, graph.num_edges, 3)
    first = train_on(graph, e_id, warm(graph), 1, Ledger(path))
    monkeypatch.setattr(module, "fit_network", lambda *args, **options: 1 / 0)
    again = train_on(graph, e_id, warm(graph), 1, Ledger(path))
    assert vars(again) | {"e_id": 0} == vars(first) | {"e_id": 0}
    assert torch.equal(again.e_id, e_id)


def test_seeds_differ_and_repeat(graph):
    first, again, other = (
        train_jointly(graph, JOINT, warm(graph, s)) for s in (0, 0, 1)
    )
    assert first.train_loss == again.train_loss
    assert torch.equal(first.e_id, again.e_id)
    assert first.train_loss != other.train_loss


def test_the_callers_random_state_is_left_alone(graph):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train_jointly(graph, JOINT, warm(graph))
    train_on(graph, torch.arange(9), warm(graph))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("joint", [JOINT, Joint("ugs", 0.4)])
def test_a_finished_training_comes_back_whole(graph, joint, tmp_path, no_training):
    path = tmp_path / "trainings.jsonl"
    first = train_jointly(graph, joint, warm(graph), Ledger(path))
    no_training()
    again = train_jointly(graph, joint, warm(graph), Ledger(path))
    assert torch.equal(again.e_id, first.e_id)
    assert vars(again) | {"e_id": 0} == vars(first) | {"e_id": 0}
    assert (first.routing is None) == (joint.family == "ugs")


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"kept": 50}, {"joint": Joint("ugs", 0.3)}, {"graph": 0}]
)
def test_whatever_else_changed_is_another_training(graph, change, tmp_path):
    ledger = Ledger(tmp_path / "trainings.jsonl")
    given = {"joint": Joint("ugs", 0.4), "kept": None}
    train_jointly(graph, warm=warm(graph), ledger=ledger, **given)
    if "graph" in change:
        graph = graph.clone()
        graph.edge_index = graph.edge_index.flip(1)
        change = {}
    start = warm(graph, change.pop("seed", 0))
    train_jointly(graph, warm=start, ledger=ledger, **{**given, **change})
    assert len(ledger.path.read_text().splitlines()) == 2
