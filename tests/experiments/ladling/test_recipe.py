import pytest
import torch

from graphllm.errors import GraphLLMError
from graphllm.experiments.ladling import Recipe, initial_state
from graphllm.experiments.ladling.recipe import Plain, plain_factory
from graphllm.experiments.ladling.streams import stream


def test_streams_differ_by_seed_purpose_and_number_and_repeat():
    keys = [(0, "a"), (1, "a"), (0, "b"), (0, "a", 0), (0, "a", 1), (10, "a", 1)]
    values = [stream(*key) for key in keys]
    assert len(set(values)) == len(keys)
    assert values == [stream(*key) for key in keys]
    assert all(0 <= value < 2**63 for value in values)


def test_initial_weights_depend_on_their_seed_alone():
    factory = Plain(Recipe(hidden_channels=4), 5, 3)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = initial_state(factory, 0)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    again, other = initial_state(factory, 0), initial_state(factory, 1)
    for name, tensor in first.items():
        assert torch.equal(tensor, again[name])
    assert not torch.equal(first["convs.0.lin.weight"], other["convs.0.lin.weight"])


def test_the_network_is_that_of_the_recipe():
    recipe = Recipe("sage", 3, 6, dropout=0.25, norm="batch_norm")
    model = Plain(recipe, 5, 4)()
    assert repr(model) == "GraphSAGE(5, 4, num_layers=3)"
    assert model.dropout.p == 0.25
    assert type(model.norms[0]).__name__ == "BatchNorm"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backbone": "gcnn"}, "unknown backbone 'gcnn'. Did you mean 'gcn'"),
        ({"norm": "layer_norm"}, "unknown norm 'layer_norm'"),
        ({"epochs": 0}, "'epochs' must be at least 1"),
        ({"patience": -1}, "'patience' must be >= 0"),
        ({"dropout": 1.0}, r"'dropout' must be in \[0, 1\)"),
        ({"lr": 0.0}, "'lr' must be > 0"),
    ],
)
def test_what_makes_no_sense_is_refused(options, message):
    with pytest.raises(GraphLLMError, match=message):
        Recipe(**options)


def test_classes_are_named_or_counted(sbm):
    sbm.x = torch.ones(60, 2)
    assert plain_factory(sbm, Recipe()) == Plain(Recipe(), 2, 3)
    del sbm.label_names
    assert plain_factory(sbm, Recipe()).out_channels == 3
