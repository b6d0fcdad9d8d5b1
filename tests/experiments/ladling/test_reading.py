import pytest
import torch

from graphllm.experiments.ladling import Recipe, initial_state, plain_factory
from graphllm.experiments.ladling.reading import Reader
from graphllm.models.backbones import call_backbone
from graphllm.soup import recalibrate_batchnorm


@pytest.mark.parametrize("backbone", ["gcn", "sage", "gat", "mlp"])
@pytest.mark.parametrize("norm", [None, "batch_norm"])
def test_scores_are_those_of_the_network(graph, backbone, norm):
    factory = plain_factory(graph, Recipe(backbone, hidden_channels=5, norm=norm))
    reader = Reader(factory, graph)
    assert reader.has_batchnorm == (norm is not None)
    model = factory().eval()

    def run(model):
        return call_backbone(model, graph.x, graph.edge_index, None)

    for seed in (0, 1):
        state = initial_state(factory, seed)
        model.load_state_dict(state)
        with torch.no_grad():
            as_is = run(model)
        assert torch.allclose(reader.scores(state, recalibrate=False), as_is, atol=1e-5)
        recalibrate_batchnorm(model, run)
        with torch.no_grad():
            again = run(model)
        assert torch.allclose(reader.scores(state), again, atol=1e-5)
        assert torch.allclose(again, as_is) == (norm is None)


def test_accuracies_are_of_their_nodes(graph):
    reader = Reader(plain_factory(graph, Recipe(hidden_channels=4)), graph)
    scores = torch.nn.functional.one_hot(graph.y, 3).float()
    scores[graph.test_mask.nonzero()[0]] *= -1
    wrong = 1 / int(graph.test_mask.sum())
    found = reader.accuracies(scores)
    assert found == pytest.approx({"test_acc": 1 - wrong, "val_acc": 1.0})


def test_the_validation_loss_reads_validation_nodes_alone(graph):
    reader = Reader(plain_factory(graph, Recipe(hidden_channels=4)), graph)
    before = reader.validation_loss(reader.model)
    graph.y = torch.where(graph.val_mask, graph.y, 0)
    assert torch.equal(reader.validation_loss(reader.model), before)
