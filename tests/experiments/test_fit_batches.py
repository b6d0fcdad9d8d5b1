import pytest
import torch

from graphllm import ELLaGNN
from graphllm.enhance import attach
from graphllm.errors import TextGraphError, UnknownNameError
from graphllm.experiments.fit import Fit, run_model
from graphllm.experiments.fit_batches import _sampling_graph, fit_batches
from graphllm.loader import NeighborLoader


@pytest.fixture
def graph(sbm):
    generator = torch.Generator().manual_seed(0)
    clean = torch.nn.functional.one_hot(sbm.y, 3).float()
    x = clean + 1.5 * torch.randn(60, 3, generator=generator)
    return attach(sbm, x, torch.arange(60), clean, [], 1.0)


def train(graph, views, backbone="sage", seed=0, **options):
    torch.manual_seed(seed)
    model = ELLaGNN(backbone, 3, 16, 3, dropout=0.2)
    options = {
        "batch_size": 9,
        "num_neighbors": (5, 5),
        "lr": 0.03,
        "epochs": 12,
        "patience": 12,
        **options,
    }
    return model, fit_batches(model, graph, views, **options)


def test_learns_and_is_reproducible(graph):
    _, first = train(graph, {"free": False})
    _, second = train(graph, {"free": False})
    assert isinstance(first, Fit)
    assert vars(first) == vars(second)
    assert first.scores["free"].test_acc > 0.6
    assert first.train_loss[-1] < first.train_loss[0]
    _, other = train(graph, {"free": False}, num_neighbors=[1], epochs=2, patience=2)
    assert other.train_loss != first.train_loss[:2]


def test_perfect_enhanced_features_help_at_test(graph):
    _, result = train(graph, {"free": False, "llm": True})
    assert result.scores["llm"].test_acc > result.scores["free"].test_acc
    assert result.scores["llm"].val_acc == max(result.val_acc["llm"])


@pytest.mark.parametrize("backbone", ["gcn", "sage"])
def test_scores_are_those_of_the_full_graph(backbone, graph):
    model, result = train(graph, {"llm": True}, backbone, keep_predictions=True)
    model.eval()
    with torch.no_grad():
        predicted = run_model(model, graph, use_llm=True).argmax(dim=-1)
    assert predicted.tolist() == result.predictions["llm"]
    right = predicted == graph.y
    score = result.scores["llm"]
    assert float(right[graph.test_mask].float().mean()) == score.test_acc
    assert float(right[graph.val_mask].float().mean()) == score.val_acc


def test_the_test_nodes_play_no_part_in_training(graph):
    _, before = train(graph, {"free": False}, epochs=6, patience=6)
    graph.y = torch.where(graph.test_mask, (graph.y + 1) % 3, graph.y)
    _, after = train(graph, {"free": False}, epochs=6, patience=6)
    assert before.train_loss == after.train_loss
    assert before.val_acc == after.val_acc


def test_validation_every_few_epochs(graph):
    _, result = train(graph, {"free": False}, epochs=8, patience=8, eval_every=3)
    assert len(result.train_loss) == 8
    assert len(result.val_acc["free"]) == 3  # epochs 3, 6 and 8
    assert result.scores["free"].epoch in (3, 6, 8)


def test_patience_stops(graph):
    _, result = train(graph, {"free": False}, epochs=300, patience=4)
    assert len(result.train_loss) == result.scores["free"].epoch + 4


def test_a_network_without_layers_is_validated_on_the_whole_graph(graph):
    class Own(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.lin = torch.nn.Linear(3, 3)

        def forward(self, x, edge_index):
            return self.lin(x)

    torch.manual_seed(0)
    result = fit_batches(
        ELLaGNN(Own()),
        graph,
        {"llm": True},
        num_neighbors=[2],
        lr=0.2,
        epochs=20,
        patience=20,
    )
    assert result.scores["llm"].val_acc > 0.8


def test_full_fan_out_in_one_batch_is_full_batch_training(graph):
    """Every node a seed or reached, all edges there: the loss of the full graph."""
    graph.keep_edge = torch.rand(graph.num_edges) < 0.8
    for backbone in ("gcn", "sage"):
        torch.manual_seed(0)
        model = ELLaGNN(backbone, 3, 8, 3, fusion="replace")
        lean = _sampling_graph(model, graph, None)
        (batch,) = NeighborLoader(lean, [-1], batch_size=60)
        ours = run_model(model, batch, use_llm=True)
        whole = run_model(model, graph, use_llm=True)
        torch.testing.assert_close(ours, whole, atol=1e-5, rtol=1e-5)


def test_a_batch_without_enhanced_nodes_keeps_the_training_weights(graph):
    few = attach(graph, graph.x, torch.tensor([0]), graph.x_llm[:1], [], 1.0)
    few.edge_weight = torch.rand(graph.num_edges) + 0.5
    few.free_edge_weight = torch.rand(graph.num_edges) + 0.5
    model = ELLaGNN("gcn", 3, 8, 3)
    lean = _sampling_graph(model, few, None)
    batches = list(NeighborLoader(lean, [2], batch_size=4))
    assert not all(batch.llm_mask.any() for batch in batches)
    for batch in batches:
        expected = few.edge_weight[batch.e_id]
        assert batch.edge_weight.equal(expected)
        assert batch.free_edge_weight.equal(expected)


def test_edge_weights_act_once(graph):
    gcn = ELLaGNN("gcn", 3, 8, 3)
    drawn = _sampling_graph(gcn, graph, "edge_weight")
    assert "edge_weight" not in drawn
    assert drawn.sampling_edge_weight.equal(graph.edge_weight)
    assert "edge_weight" in _sampling_graph(gcn, graph, None)
    assert "edge_weight" not in _sampling_graph(ELLaGNN("sage", 3, 8, 3), graph, None)
    _, result = train(graph, {"llm": True}, "gcn", weight_attr="edge_weight")
    assert result.train_loss[-1] < result.train_loss[0]


def test_wrong_arguments(graph):
    with pytest.raises(ValueError, match="or nothing is validated"):
        train(graph, {"free": False}, eval_every=9, patience=5)
    with pytest.raises(ValueError, match="or nothing is validated"):
        train(graph, {"free": False}, eval_every=0)
    with pytest.raises(UnknownNameError, match="Did you mean 'edge_weight'"):
        train(graph, {"free": False}, weight_attr="edge_wait")
    with pytest.raises(ValueError, match="'batch_size' must be"):
        train(graph, {"free": False}, batch_size=0)
    graph.train_mask = torch.zeros(60, dtype=torch.bool)
    with pytest.raises(TextGraphError, match="has no node"):
        train(graph, {"free": False})


def test_pna_knows_the_degrees_of_the_whole_graph(graph):
    torch.manual_seed(0)
    model = ELLaGNN("pna", 3, 8, 3)
    fit_batches(
        model,
        graph,
        {"free": False},
        batch_size=4,
        num_neighbors=(2, 2),
        epochs=1,
        patience=1,
    )
    degrees = torch.bincount(graph.edge_index[1], minlength=60).float()
    measured = model.backbone.convs[0].aggr_module.avg_deg_log
    torch.testing.assert_close(float(measured), float(degrees.log1p().mean()))
