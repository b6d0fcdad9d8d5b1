import pytest
import torch

from graphllm.errors import GraphLLMError
from graphllm.experiments.ladling import InELLaGNN, InMoG, Job, Recipe, Scorer
from graphllm.experiments.ladling.ingredient import training_loss
from graphllm.experiments.ladling.networks import training_output, with_enhanced
from graphllm.experiments.ladling.reading import Reader
from graphllm.experiments.ladling.recipe import plain_factory
from graphllm.loader import SaintEdge
from graphllm.soup import average

RECIPE = Recipe(hidden_channels=8, epochs=8)


@pytest.fixture
def enhanced(graph):
    graph.llm_mask = torch.zeros(90, dtype=torch.bool)
    graph.llm_mask[::9] = True
    graph.llm_index = graph.llm_mask.nonzero().view(-1)
    graph.x_llm = graph.x[graph.llm_mask] + 5.0
    return graph


def test_ellagnn_trains_on_enhanced_features_and_is_validated_without(enhanced):
    factory = InELLaGNN(plain_factory(enhanced, RECIPE), fusion="replace")
    model = factory().eval()
    out = training_output(model, enhanced)
    x = enhanced.x.clone()
    x[enhanced.llm_mask] = enhanced.x_llm
    assert torch.allclose(out, model.backbone(x, enhanced.edge_index))
    job = Job(RECIPE, factory, 0, 1)
    with_text = job.train(enhanced)
    del enhanced.x_llm
    without = job.train(enhanced)
    name = "backbone.convs.0.lin.weight"
    assert not torch.equal(with_text.state_dict[name], without.state_dict[name])
    score = Reader(factory, enhanced).accuracies(
        Reader(factory, enhanced).scores(without.state_dict)
    )
    assert score["val_acc"] == pytest.approx(without.val_acc)


def test_enhanced_features_are_passed_on(graph, enhanced):
    bare = with_enhanced(graph.clone(), enhanced)
    assert bare.x_llm is enhanced.x_llm
    assert bare.llm_mask is enhanced.llm_mask


@pytest.mark.parametrize("backbone", ["gcn", "sage"])
def test_every_mixture_of_mogs_is_scored_on_its_own_edges(graph, backbone):
    recipe = Recipe(backbone, hidden_channels=8, epochs=8)
    factory = InMoG(plain_factory(graph, recipe), sparsity=0.5)
    states = [Job(recipe, factory, 0, seed).train(graph).state_dict for seed in (1, 2)]
    scorer, reader = Scorer(factory, graph, states), Reader(factory, graph)
    for share in (1.0, 0.5, 0.25):
        soup = average(states, torch.tensor([share, 1 - share]))
        expected = reader.accuracies(reader.scores(soup))["val_acc"]
        mixed = average(scorer.states, torch.tensor([share, 1 - share]))
        assert scorer(mixed).accuracy == pytest.approx(expected)
    assert reader.model.kept == pytest.approx(0.5, abs=0.02)


def test_the_loss_of_the_sparsifier_counts(graph):
    model = InMoG(plain_factory(graph, RECIPE))()
    torch.manual_seed(0)
    loss = training_loss(model, graph)
    assert model.aux_loss.item() > 0.0
    torch.manual_seed(0)
    out = training_output(model, graph)[graph.train_mask]
    task = torch.nn.functional.cross_entropy(out, graph.y[graph.train_mask])
    assert loss.item() == pytest.approx((task + model.aux_loss).item())


@pytest.mark.parametrize("outer", [InELLaGNN, InMoG])
def test_weights_for_a_gnn_that_ignores_them_are_refused(graph, outer):
    recipe = Recipe("sage", subgraphs=SaintEdge(20, 1))
    factory = outer(plain_factory(graph, recipe))
    with pytest.raises(GraphLLMError, match="'GraphSAGE' ignores edge weights"):
        Job(recipe, factory, 0, 0).train(graph)
