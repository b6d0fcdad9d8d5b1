import pytest
import torch
from torch.nn.modules.batchnorm import _BatchNorm

from graphllm.errors import GraphLLMError
from graphllm.experiments.ladling import Scorer, plain_factory, train_ingredient
from graphllm.experiments.ladling.ingredient import score_of
from graphllm.experiments.ladling.recipe import Recipe, initial_state
from graphllm.models.backbones import call_backbone
from graphllm.soup import (
    average,
    greedy_interpolated_soup,
    greedy_soup,
    recalibrate_batchnorm,
    uniform_soup,
)


def ingredients(graph, count=4, **options):
    recipe = Recipe(hidden_channels=8, epochs=8, **options)
    factory = plain_factory(graph, recipe)
    start = initial_state(factory, 0)
    return factory, [
        train_ingredient(graph, recipe, start, seed).state_dict for seed in range(count)
    ]


def in_full(factory, graph):
    """Scores from the whole network on the whole graph, one at a time."""
    model = factory()

    def run(model):
        return call_backbone(model, graph.x, graph.edge_index, None)

    def evaluate(state):
        model.load_state_dict(state)
        recalibrate_batchnorm(model.eval(), run)
        with torch.no_grad():
            out = run(model)[graph.val_mask]
        return score_of(out, graph.y[graph.val_mask])

    return evaluate


def check_same_soup(graph, **options):
    """The soup of fast scores is the soup of full evaluation."""
    factory, states = ingredients(graph, **options)
    evaluate = in_full(factory, graph)
    scorer = Scorer(factory, graph, states, width=3)
    naive = greedy_interpolated_soup(states, evaluate, granularity=6)
    fast = scorer.whole(
        greedy_interpolated_soup(
            scorer.states, scorer, granularity=6, evaluate_many=scorer.many
        )
    )
    assert fast.accepted == naive.accepted
    assert torch.allclose(fast.weights, naive.weights)
    assert [s.alpha for s in fast.history] == [s.alpha for s in naive.history]
    assert fast.score.accuracy == naive.score.accuracy
    assert fast.score.loss == pytest.approx(naive.score.loss, abs=1e-5)
    for name, tensor in naive.state_dict.items():
        assert torch.allclose(fast.state_dict[name], tensor), name
    return scorer


@pytest.mark.parametrize("backbone", ["gcn", "sage", "gcnii", "jknet", "resgcn", "sgc"])
@pytest.mark.parametrize("norm", [None, "batch_norm"])
def test_fast_soups_are_those_of_full_evaluation(graph, backbone, norm):
    for layers in (2, 3) if backbone in ("gcn", "sage") else (3,):
        scorer = check_same_soup(
            graph, backbone=backbone, norm=norm, num_layers=layers, count=3
        )
        assert scorer.width == 3


@pytest.mark.parametrize("backbone", ["gat", "gin", "mlp", "appnp"])
def test_networks_that_cannot_be_stacked_are_scored_one_by_one(graph, backbone):
    scorer = check_same_soup(graph, backbone=backbone, norm="batch_norm", count=3)
    assert scorer.width == 1


@pytest.mark.parametrize(("backbone", "norm"), [("gcn", "batch_norm"), ("sage", None)])
def test_without_memory_for_first_layers_the_scores_are_the_same(graph, backbone, norm):
    factory, states = ingredients(graph, backbone=backbone, norm=norm)
    rich, poor = (Scorer(factory, graph, states, cache_mb=mb) for mb in (1024, 0))
    assert rich._pair is not None
    assert poor._pair is None
    assert not poor._outputs
    for one, other in zip(rich.many(rich.states), poor.many(poor.states), strict=True):
        assert one.accuracy == other.accuracy
        assert one.loss == pytest.approx(other.loss, abs=1e-5)


@pytest.mark.parametrize("norm", [None, "batch_norm"])
def test_any_mixture_has_the_score_of_the_whole_network(graph, norm):
    factory, states = ingredients(graph, norm=norm)
    evaluate, scorer = in_full(factory, graph), Scorer(factory, graph, states)
    for shares in ([0.25] * 4, [0.5, 0.5, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]):
        expected = evaluate(average(states, shares))
        got = scorer(average(scorer.states, shares))
        assert got.accuracy == expected.accuracy
        assert got.loss == pytest.approx(expected.loss, abs=1e-5)


def test_soups_of_the_first_few_and_other_recipes(graph):
    factory, states = ingredients(graph)
    scorer = Scorer(factory, graph, states)
    few = scorer.whole(greedy_soup(scorer.states[:2], scorer))
    assert few.weights.numel() == 2
    naive = greedy_soup(states[:2], in_full(factory, graph))
    assert few.accepted == naive.accepted
    even = scorer.whole(uniform_soup(scorer.states)).state_dict
    for name, tensor in uniform_soup(states).state_dict.items():
        assert torch.equal(even[name], tensor)


def test_ingredients_and_other_nodes_are_only_read(graph):
    factory, states = ingredients(graph, norm="batch_norm")
    before = [{n: t.clone() for n, t in state.items()} for state in states]
    scorer = Scorer(factory, graph, states)
    scores = scorer.many(scorer.states)
    graph.y = torch.where(graph.val_mask, graph.y, 0)
    assert Scorer(factory, graph, states).many(scorer.states) == scores
    for old, new in zip(before, states, strict=True):
        assert all(torch.equal(tensor, new[name]) for name, tensor in old.items())
    assert any(isinstance(m, _BatchNorm) for m in scorer.model.modules())


def test_no_ingredients_are_an_error(graph):
    factory, _ = ingredients(graph, count=1)
    with pytest.raises(GraphLLMError, match="no ingredients to score"):
        Scorer(factory, graph, [])
