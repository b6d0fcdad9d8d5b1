import pytest
import torch
from torch import nn
from torch_geometric.data import Batch, Data
from torch_geometric.nn import GIN

from graphllm.evaluate import accuracy
from graphllm.experiments.mog import graph_fit as module
from graphllm.experiments.mog.graph_fit import fit_graphs
from graphllm.experiments.mog.graph_model import GraphClassifier
from graphllm.sparsify.mog import MoG


def score(out, y):
    return accuracy(out.argmax(dim=1), y)


def ring(size, y):
    after = (torch.arange(size) + 1) % size
    ends = torch.stack([torch.arange(size), after])
    edge_index = torch.cat([ends, ends.flip(0)], dim=1)
    return Data(x=torch.randn(size, 3) + y, edge_index=edge_index, y=torch.tensor([y]))


@pytest.fixture
def parts():
    graphs = [ring(4 + i % 3, i % 2) for i in range(48)]
    return {"train": graphs[:32], "valid": graphs[32:40], "test": graphs[40:]}


def classifier(sparsity=None):
    torch.manual_seed(0)
    gnn = GIN(8, 8, 2, 8)
    if sparsity is not None:
        gnn = MoG(gnn, sparsity=sparsity, mix="vote")
    return GraphClassifier(nn.Linear(3, 8), gnn, 8, 2)


@pytest.mark.parametrize("sparsity", [None, 0.4])
def test_an_easy_question_is_learned(parts, sparsity):
    model = classifier(sparsity)
    options = {"lr": 0.01, "epochs": 16, "batch_size": 8}
    done = fit_graphs(model, parts, score, **options)
    assert done.test >= 0.8
    assert done.train_loss[-1] < done.train_loss[0]
    assert len(done.train_loss) == 16
    assert done.cpu_seconds > 0


def test_scores_and_edges_are_those_of_the_parameters_that_are_left(parts):
    model = classifier(0.4)
    done = fit_graphs(model, parts, score, epochs=6, batch_size=8)
    model.eval()
    for part, value in (("valid", done.valid), ("test", done.test)):
        batch = Batch.from_data_list(parts[part])
        assert score(model(batch), batch.y) == pytest.approx(value)
        kept = round(0.6 * batch.num_edges)
        assert model.sparsify(batch).num_edges == done.kept[part] == kept


def test_only_epochs_with_thin_graphs_are_validated(parts, monkeypatch):
    thin, read = [], []
    train, evaluate = module._train, module._evaluate

    def spy_train(model, loader, optimizer, is_thin):
        thin.append(is_thin)
        return train(model, loader, optimizer, is_thin)

    def spy_evaluate(model, batches, score):
        read.append((len(thin), sum(batch.num_graphs for batch in batches)))
        return evaluate(model, batches, score)

    monkeypatch.setattr(module, "_train", spy_train)
    monkeypatch.setattr(module, "_evaluate", spy_evaluate)
    parts["test"] = parts["test"][:5]
    done = fit_graphs(classifier(0.4), parts, score, epochs=4)
    assert thin == [False, False, True, True]
    # The eight validation graphs after the last two epochs, the five of the test once.
    assert read == [(3, 8), (4, 8), (4, 5)]
    assert done.epoch in (3, 4)


def test_one_epoch_is_thin(parts):
    done = fit_graphs(classifier(0.4), parts, score, epochs=1, warm_up=1.0)
    assert done.epoch == 1


def test_the_same_seeds_give_the_same(parts):
    first, again, other = (
        fit_graphs(classifier(0.4), parts, score, epochs=2, batch_size=8, seed=seed)
        for seed in (0, 0, 1)
    )
    assert first.train_loss == again.train_loss != other.train_loss


def test_whole_graphs_keep_every_edge(parts):
    done = fit_graphs(classifier(), parts, score, epochs=1)
    for part, graphs in parts.items():
        assert done.kept[part] == sum(graph.num_edges for graph in graphs)
