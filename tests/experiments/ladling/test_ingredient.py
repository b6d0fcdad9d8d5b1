import copy

import pytest
import torch
import torch.nn.functional as F

from graphllm.errors import GraphLLMError, ModelNotFoundError
from graphllm.experiments.ladling import (
    Ingredient,
    Recipe,
    initial_state,
    plain_factory,
    train_ingredient,
)
from graphllm.experiments.ladling.ingredient import (
    Best,
    is_validated,
    score_of,
    training_loss,
    validate,
)
from graphllm.loader import LayerSampled, NeighborSampled, RandomParts
from graphllm.soup import Score


def train(graph, seed=0, init_seed=0, **options):
    defaults = {"hidden_channels": 8, "epochs": 4}
    recipe = Recipe(**{**defaults, **options})
    start = initial_state(plain_factory(graph, recipe), init_seed)
    return train_ingredient(graph, recipe, start, seed)


def test_it_is_plain_training_where_nothing_is_drawn(graph):
    """Without dropout or sampling: Adam on the cross-entropy, written out here."""
    recipe = Recipe(hidden_channels=8, dropout=0.0, epochs=6, patience=10)
    factory = plain_factory(graph, recipe)
    start = initial_state(factory, 0)
    model = factory()
    model.load_state_dict(start)
    adam = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
    seen = []
    for epoch in range(1, 7):
        adam.zero_grad()
        out = model(graph.x, graph.edge_index)
        F.cross_entropy(out[graph.train_mask], graph.y[graph.train_mask]).backward()
        adam.step()
        with torch.no_grad():
            out = model(graph.x, graph.edge_index)[graph.val_mask]
        loss = float(F.cross_entropy(out, graph.y[graph.val_mask]))
        accuracy = float((out.argmax(-1) == graph.y[graph.val_mask]).double().mean())
        seen.append((accuracy, -loss, -epoch, copy.deepcopy(model.state_dict())))
    accuracy, loss, epoch, state = max(seen, key=lambda row: row[:3])
    made = train_ingredient(graph, recipe, start, seed=5)
    assert (made.val_acc, made.val_loss, made.epoch) == (accuracy, -loss, -epoch)
    for name, tensor in state.items():
        assert torch.equal(made.state_dict[name], tensor)


def test_the_same_seed_gives_the_same_ingredient(graph, equal):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = train(graph, norm="batch_norm")
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    equal(first, train(graph, norm="batch_norm"))


@pytest.mark.parametrize("backbone", ["gcn", "gat"])
def test_seeds_differ_in_dropout_alone(graph, equal, backbone):
    first, second = (train(graph, seed, backbone=backbone) for seed in (0, 1))
    weight = "convs.0.lin.weight"
    assert not torch.equal(first.state_dict[weight], second.state_dict[weight])
    # Nothing but dropout is drawn on the whole graph.
    calm = [train(graph, seed, backbone=backbone, dropout=0.0) for seed in (0, 0)]
    equal(*calm)


def test_dropout_inside_a_layer_is_seeded_too(graph, equal):
    torch.manual_seed(1)
    first = train(graph, backbone="gat", dropout=0.5)
    torch.manual_seed(2)
    equal(first, train(graph, backbone="gat", dropout=0.5))


def test_ingredients_of_one_initialisation_start_alike(graph):
    """One step of a vanishing rate: what is left is the initial weights."""
    kept = [train(graph, seed, lr=1e-12, epochs=1).state_dict for seed in (0, 1)]
    own = train(graph, 0, init_seed=1, lr=1e-12, epochs=1).state_dict
    name = "convs.0.lin.weight"
    assert torch.allclose(kept[0][name], kept[1][name], atol=1e-9)
    assert float((kept[0][name] - own[name]).abs().mean()) > 0.1


@pytest.mark.parametrize(
    "subgraphs",
    [
        NeighborSampled((3, 2), batch_size=8),
        LayerSampled(num_nodes=(20, 20), batch_size=8),
        RandomParts(4, 2),
    ],
)
def test_it_trains_on_subgraphs_and_sampling_has_its_own_seed(graph, equal, subgraphs):
    options = {"subgraphs": subgraphs, "dropout": 0.0, "epochs": 15}
    first = train(graph, 0, **options)
    equal(first, train(graph, 0, **options))
    second = train(graph, 1, **options)
    assert not torch.equal(
        first.state_dict["convs.0.lin.weight"], second.state_dict["convs.0.lin.weight"]
    )
    assert first.val_acc > 0.5


def test_weighted_edges_need_a_network_that_reads_them(graph):
    with pytest.raises(GraphLLMError, match="'GraphSAGE' ignores edge weights"):
        train(graph, backbone="sage", subgraphs=LayerSampled(num_nodes=(9, 9)))


def test_test_labels_play_no_part(graph, equal):
    first = train(graph)
    graph.y = torch.where(graph.test_mask, 0, graph.y)
    equal(first, train(graph))


def test_training_ends_when_patience_is_over(graph, monkeypatch):
    scores = iter([0.3, 0.5, 0.4, 0.5, 0.4, 0.9])
    monkeypatch.setattr(
        "graphllm.experiments.ladling.ingredient.validate",
        lambda model, data: Score(next(scores)),
    )
    made = train(graph, epochs=20, patience=3)
    assert (made.epoch, made.val_acc) == (2, 0.5)
    # Epochs 3, 4 and 5 were no better; the sixth was not run.
    assert next(scores) == 0.9


def test_validation_comes_at_its_interval_and_at_the_end(graph):
    recipe = Recipe(eval_every=3, epochs=7)
    assert [e for e in range(1, 8) if is_validated(recipe, e)] == [3, 6, 7]
    assert train(graph, eval_every=3, epochs=7).epoch in (3, 6, 7)


def test_the_best_is_by_accuracy_then_loss_then_first():
    model = torch.nn.Linear(1, 1)
    best = Best(Score(0.0), 0, {})
    for epoch, score in enumerate(
        [
            Score(0.5, 1.0),
            Score(0.5, 0.9),
            Score(0.4, 0.1),
            Score(0.5, 0.9),
            Score(float("nan"), 0.0),
        ],
        start=1,
    ):
        with torch.no_grad():
            model.weight.fill_(epoch)
        best = best.improved(score, epoch, model)
    assert best.epoch == 2
    assert float(best.state_dict["weight"]) == 2.0


def test_scores_by_hand():
    out = torch.tensor([[2.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    score = score_of(out, torch.tensor([0, 0, 1]))
    losses = [(1 + torch.e**-2), (1 + torch.e), 2.0]
    expected = torch.tensor(losses).log().mean()
    assert score.accuracy == pytest.approx(1 / 3)
    assert score.loss == pytest.approx(float(expected), rel=1e-5)


def test_loss_weights_replace_the_mean(graph):
    recipe = Recipe(hidden_channels=4)
    model = plain_factory(graph, recipe)().eval()
    plain = training_loss(model, graph)
    graph.loss_weight = torch.full((90,), 1.0 / int(graph.train_mask.sum()))
    assert torch.allclose(training_loss(model, graph), plain)
    graph.loss_weight *= 2
    assert torch.allclose(training_loss(model, graph), 2 * plain)


def test_validation_reads_its_nodes_alone(graph):
    model = plain_factory(graph, Recipe(hidden_channels=4))()
    before = validate(model, graph)
    graph.y = torch.where(graph.val_mask, graph.y, 0)
    assert validate(model, graph) == before


def test_it_is_found_again_on_disk(graph, equal, tmp_path):
    made = train(graph, norm="batch_norm")
    path = made.save(tmp_path / "a.safetensors")
    found = Ingredient.load(path)
    equal(made, found)
    assert found.facts == made.facts
    assert found.seconds > 0
    assert found.peak_rss_mb > 0
    assert "@" in found.worker
    with pytest.raises(ModelNotFoundError, match="no ingredient at"):
        Ingredient.load(tmp_path / "b.safetensors")
