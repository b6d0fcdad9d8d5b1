import pytest
import torch
from torch_geometric.nn import GCN

from graphllm.experiments.mog import fit as module
from graphllm.experiments.mog.arms import Joint, criteria_of, sparsified
from graphllm.experiments.mog.fit import (
    accuracy_on_test,
    cool,
    fit_network,
    fit_sparsified,
)

JOINT = Joint("mog_vote", 0.4, ("degree", "jaccard"), (0.2, 0.4), 2)


def build(data, joint=JOINT, seed=0):
    torch.manual_seed(seed)
    gnn = GCN(data.x.size(1), 8, 2, len(data.label_names), dropout=0.3)
    return sparsified(joint, gnn, data), criteria_of(joint, gnn)


def fit(data, joint=JOINT, **options):
    model, criteria = build(data, joint)
    return model, fit_sparsified(model, data, criteria, **{"epochs": 20, **options})


def test_the_scores_are_those_of_the_network_on_the_pruned_graph(graph):
    model, done = fit(graph)
    model.eval()
    out = model.gnn(graph.x, graph.edge_index[:, done.e_id])
    right = (out.argmax(dim=-1) == graph.y).float()
    assert done.score.val_acc == pytest.approx(float(right[graph.val_mask].mean()))
    assert done.score.test_acc == pytest.approx(float(right[graph.test_mask].mean()))
    assert done.e_id.numel() == round(0.6 * graph.num_edges)
    assert done.e_id.tolist() == sorted(set(done.e_id.tolist()))
    assert done.sparsify_ms > 0


def test_the_kept_epoch_is_the_best_one(graph):
    _, done = fit(graph, epochs=40, interval=3)
    assert done.score.val_acc == max(done.val_acc)
    assert done.val_acc[done.score.epoch - 1] == max(done.val_acc)
    assert len(done.val_acc) == len(done.train_loss) <= 40


def test_validation_is_at_the_start_and_every_few_epochs(graph):
    model, criteria = build(graph)
    calls = []
    model.sparsifier.register_forward_hook(
        lambda module, args, out: calls.append(module.training)
    )
    done = fit_sparsified(model, graph, criteria, epochs=20, interval=6)
    assert calls.count(True) == 20
    # Before, after 6, 12, 18 and the last of them; two timed at the end.
    assert calls.count(False) == 5 + 2
    # Told again in between.
    assert len(set(done.val_acc[5:11])) == 1
    assert done.score.epoch in (0, 6, 12, 18, 20)


def test_the_start_is_kept_if_nothing_is_better(graph):
    model, criteria = build(graph)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    # A step so large that the network forgets everything.
    done = fit_sparsified(
        *(model, graph, criteria), epochs=5, lr=100.0, fine_lr=100.0, router_lr=100.0
    )
    if done.score.epoch == 0:
        assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert done.score.val_acc >= max(done.val_acc)


def test_a_network_alone_learns_and_keeps_its_best(graph):
    torch.manual_seed(0)
    gnn = GCN(graph.x.size(1), 8, 2, 3, dropout=0.3)
    done = fit_network(gnn, graph, epochs=40, interval=2)
    gnn.eval()
    right = (gnn(graph.x, graph.edge_index).argmax(dim=-1) == graph.y).float()
    assert done.score.val_acc == pytest.approx(float(right[graph.val_mask].mean()))
    assert accuracy_on_test(gnn, graph, graph.edge_index) == pytest.approx(
        float(right[graph.test_mask].mean())
    )
    assert done.score.test_acc == 0.0  # not read
    assert done.score.val_acc == max(done.val_acc)
    assert done.train_loss[-1] < 0.8 * done.train_loss[0]


def test_criteria_are_taken_once(graph, monkeypatch):
    asked = []
    real = module.edge_priors

    def counted(edge_index, num_nodes, x, criteria):
        asked.append(len(criteria))
        return real(edge_index, num_nodes, x, criteria)

    monkeypatch.setattr(module, "edge_priors", counted)
    fit(graph)
    # Twice to be timed.
    assert asked == [2, 2]


def test_the_temperature_falls_geometrically(graph):
    model, _ = build(graph)
    seen = []
    for progress in (-0.5, 0.0, 0.5, 1.0):
        cool(model, progress)
        seen.append(model.temperature)
    assert seen == pytest.approx([1.0, 1.0, 0.1**0.5, 0.1])


def test_what_has_no_temperature_is_left_alone(graph):
    model, _ = build(graph, Joint("ugs", 0.4))
    cool(model, 0.5)
    assert not hasattr(model.sparsifier, "temperature")


def test_patience_ends_what_does_not_learn(graph):
    still = {"lr": 0.0, "fine_lr": 0.0, "router_lr": 0.0}
    _, done = fit(graph, epochs=100, patience=7, **still)
    assert done.score.epoch == 0
    assert len(done.train_loss) == 7


def test_all_parts_learn_at_their_own_rates(graph, monkeypatch):
    kept = {}
    adam = torch.optim.Adam

    def remembered(groups, **options):
        kept["groups"] = groups
        return adam(groups, **options)

    monkeypatch.setattr(torch.optim, "Adam", remembered)
    model, criteria = build(graph)
    before = {name: value.clone() for name, value in model.named_parameters()}
    model.gnn.reset_parameters()
    options = {"fine_lr": 0.02, "router_lr": 0.3, "weight_decay": 0.1}
    fit_sparsified(model, graph, criteria, epochs=20, **options)
    groups = kept["groups"]
    assert [group["weight_decay"] for group in groups] == [0.1, 0.0, 0.0]
    assert [group["lr"] for group in groups] == [0.02, 0.01, 0.3]
    counts = [len(list(group["params"])) for group in groups]
    assert counts[1] + counts[2] == len(list(model.sparsifier.parameters()))
    moved = [
        name
        for name, value in model.named_parameters()
        if not torch.equal(value, before[name])
    ]
    for part in ("gnn.", "sparsifier.router.", "sparsifier.experts."):
        assert any(name.startswith(part) for name in moved), part


def test_gates_are_told_where_there_is_a_router(graph):
    assert fit(graph)[1].gates.shape == (graph.num_nodes, 4)
    assert fit(graph, Joint("ugs", 0.4))[1].gates is None


def test_the_test_labels_play_no_part(graph):
    _, done = fit(graph)
    other = graph.clone()
    other.y = torch.where(graph.test_mask, (graph.y + 1) % 3, graph.y)
    _, again = fit(other)
    assert again.train_loss == done.train_loss
    assert torch.equal(again.e_id, done.e_id)
    assert again.score.test_acc != done.score.test_acc


def test_criteria_see_the_network_as_it_comes(graph):
    joint = Joint("mog_vote", 0.4, ("degree",), (0.2, 0.4), 1)
    model, _ = build(graph, joint)
    first = [each.clone() for each in model.gnn.parameters()]
    same = []

    def watch(edge_index, num_nodes, x):
        assert not model.gnn.training
        now = model.gnn.parameters()
        same.append(all(torch.equal(a, b) for a, b in zip(first, now, strict=True)))
        return torch.arange(edge_index.size(1), dtype=torch.float)

    fit_sparsified(model, graph, [watch], epochs=10)
    assert same
    assert all(same)
