import pytest
import torch
from torch_geometric.nn import GCN

from graphllm.experiments.mog import fit as module
from graphllm.experiments.mog.arms import Joint, criteria_of, sparsified
from graphllm.experiments.mog.fit import cool, fit_sparsified

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
    taken = [value for value in done.val_acc if value is not None]
    assert done.score.val_acc == max(taken)
    assert done.val_acc[done.score.epoch - 1] == max(taken)
    assert len(done.val_acc) == len(done.train_loss) <= 40


def test_nothing_is_pruned_while_the_network_warms_up(graph):
    model, criteria = build(graph)
    calls = []
    model.sparsifier.register_forward_hook(
        lambda module, args, out: calls.append(module.training)
    )
    done = fit_sparsified(model, graph, criteria, epochs=20, interval=6, warm_up=0.1)
    # Epochs 3 to 20 train; validated after 6, 12, 18 of them; two timed at the end.
    assert calls.count(True) == 18
    assert calls.count(False) == 3 + 2
    assert done.val_acc[:7] == [None] * 7
    assert done.val_acc[7] is not None
    # Taken at epochs 8, 14 and 20, and told again in between.
    assert len(set(done.val_acc[7:13])) == 1
    assert done.score.epoch in (8, 14, 20)


def test_criteria_are_taken_once_after_the_warm_up(graph, monkeypatch):
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


def test_patience_does_not_count_the_warm_up(graph):
    # Nothing learns: the first validation stays the best.
    _, done = fit(graph, lr=0.0, epochs=100, patience=7, warm_up=0.1)
    assert done.score.epoch == 11
    assert len(done.train_loss) == 11 + 7


def test_both_parts_learn_and_the_sparsifier_has_no_decay(graph, monkeypatch):
    kept = {}
    adam = torch.optim.Adam

    def remembered(groups, **options):
        kept["groups"] = groups
        return adam(groups, **options)

    monkeypatch.setattr(torch.optim, "Adam", remembered)
    model, criteria = build(graph)
    before = {name: value.clone() for name, value in model.named_parameters()}
    fit_sparsified(model, graph, criteria, epochs=20, weight_decay=0.1)
    assert [group["weight_decay"] for group in kept["groups"]] == [0.1, 0.0]
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


def test_criteria_see_a_trained_network(graph):
    joint = Joint("mog_vote", 0.4, ("degree",), (0.2, 0.4), 1)
    model, _ = build(graph, joint)
    first = [each.clone() for each in model.gnn.parameters()]
    moved = []

    def watch(edge_index, num_nodes, x):
        now = model.gnn.parameters()
        moved.append(
            any(not torch.equal(a, b) for a, b in zip(first, now, strict=True))
        )
        return torch.arange(edge_index.size(1), dtype=torch.float)

    fit_sparsified(model, graph, [watch], epochs=10)
    assert moved
    assert all(moved)
