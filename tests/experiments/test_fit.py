import pytest
import torch

from graphllm import ELLaGNN
from graphllm.enhance import attach
from graphllm.experiments import fit
from graphllm.experiments.fit import predict_view, run_model, supervised


@pytest.fixture
def graph(sbm):
    generator = torch.Generator().manual_seed(0)
    clean = torch.nn.functional.one_hot(sbm.y, 3).float()
    x = clean + 1.5 * torch.randn(60, 3, generator=generator)
    return attach(sbm, x, torch.arange(60), clean, [], 1.0)


def train(graph, views, seed=0, **options):
    torch.manual_seed(seed)
    model = ELLaGNN("gcn", 3, 16, 3, dropout=0.2)
    return model, fit(model, graph, views, **{"epochs": 60, "patience": 60, **options})


def test_learns_and_is_reproducible(graph):
    _, first = train(graph, {"free": False})
    _, second = train(graph, {"free": False})
    assert first.scores == second.scores
    assert first.scores["free"].test_acc > 0.6
    assert first.train_loss[-1] < first.train_loss[0]


def test_perfect_enhanced_features_help_at_test(graph):
    _, result = train(graph, {"free": False, "llm": True})
    assert result.scores["llm"].test_acc > result.scores["free"].test_acc
    assert result.scores["llm"].val_acc == max(result.val_acc["llm"])


def test_the_test_nodes_play_no_part_in_training(graph):
    _, before = train(graph, {"free": False, "llm": True})
    graph.y = torch.where(graph.test_mask, (graph.y + 1) % 3, graph.y)
    _, after = train(graph, {"free": False, "llm": True})
    assert before.train_loss == after.train_loss
    assert before.val_acc == after.val_acc
    assert [s.epoch for s in before.scores.values()] == [
        s.epoch for s in after.scores.values()
    ]


def test_the_test_accuracy_belongs_to_the_best_epoch(graph):
    model, result = train(graph, {"free": False})
    score = result.scores["free"]
    # fit leaves the parameters of the last view's best epoch in the model
    right = predict_view(model, graph, False) == graph.y
    assert float(right[graph.val_mask].float().mean()) == score.val_acc
    assert float(right[graph.test_mask].float().mean()) == score.test_acc
    assert result.val_acc["free"].index(score.val_acc) <= score.epoch - 1


def test_patience_stops(graph):
    _, result = train(graph, {"free": False}, epochs=500, patience=5)
    assert len(result.train_loss) == result.scores["free"].epoch + 5


def test_a_view_scores_as_if_it_were_alone(graph):
    """Arms with one view and arms with two must stop by the same rule."""
    for seed in range(4):
        options = {"seed": seed, "epochs": 120, "patience": 4}
        _, both = train(graph, {"free": False, "llm": True}, **options)
        for name, use_llm in (("free", False), ("llm", True)):
            _, alone = train(graph, {name: use_llm}, **options)
            assert both.scores[name] == alone.scores[name]


def test_without_enhanced_rows_both_views_agree(graph):
    bare = attach(graph, graph.x, torch.empty(0).long(), graph.x[:0], [])
    _, result = train(bare, {"free": False, "llm": True})
    assert vars(result.scores["free"]) == vars(result.scores["llm"])


def test_edge_weights_reach_networks_that_take_them(graph):
    torch.manual_seed(0)
    gcn = ELLaGNN("gcn", 3, 16, 3, fusion="replace").eval()
    weighted = run_model(gcn, graph, use_llm=True)
    graph.edge_weight = torch.ones_like(graph.edge_weight)
    assert not torch.allclose(weighted, run_model(gcn, graph, use_llm=True))
    sage = ELLaGNN("sage", 3, 16, 3, fusion="replace").eval()
    assert run_model(sage, graph, use_llm=True).shape == (60, 3)


@pytest.mark.parametrize("backbone", ["gcn", "sage"])
@pytest.mark.parametrize("fusion", ["random_view", "replace", "mix", "gate"])
def test_validation_reads_what_the_network_would(graph, backbone, fusion):
    # Features that validation fuses once must score like those fused each time.
    graph.keep_edge = torch.arange(graph.num_edges) % 5 > 0
    scores = {}
    for name, objective in (("once", None), ("each", lambda *a: supervised(*a))):
        torch.manual_seed(0)
        model = ELLaGNN(backbone, 3, 16, 3, fusion=fusion, dropout=0.2)
        done = fit(model, graph, {"llm": True}, epochs=8, objective=objective)
        scores[name] = done.val_acc["llm"], done.scores["llm"]
    assert scores["once"] == scores["each"]
