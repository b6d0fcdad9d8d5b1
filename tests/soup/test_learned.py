import copy

import pytest
import torch
from torch import nn

from graphllm.errors import GraphLLMError, UnknownNameError
from graphllm.seed import generator
from graphllm.soup import average, learned_soup, partition_learned_soup, uniform_soup


def mlp():
    return nn.Sequential(
        nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2)
    )


def ingredients(model, count=3):
    states = []
    for seed in range(count):
        torch.manual_seed(seed)
        other = copy.deepcopy(model)
        for tensor in other.parameters():
            tensor.data += 0.5 * torch.randn_like(tensor)
        states.append(other.state_dict())
    return states


X, Y = torch.randn(40, 3, generator=generator(1)), torch.arange(40) % 2


def loss(network):
    return nn.functional.cross_entropy(network(X), Y)


def point(value):
    model = nn.Linear(1, 1, bias=False)
    model.weight.data.fill_(value)
    return model


def test_the_right_shares_are_found():
    # Between 0 and 4 the loss (w - 1)^2 asks for shares 3/4 and 1/4.
    states = [point(0.0).state_dict(), point(4.0).state_dict()]

    def square(network):
        return (network(torch.ones(1, 1)) - 1.0).square().sum()

    result = learned_soup(point(9.0), states, square, steps=100, per="model")
    assert result.weights.flatten().tolist() == pytest.approx([0.75, 0.25], abs=1e-2)
    assert result.state_dict["weight"].item() == pytest.approx(1.0, abs=1e-2)
    # Beyond the ingredients only without the simplex.
    far = lambda network: (network(torch.ones(1, 1)) - 5.0).square().sum()  # noqa: E731
    inside = learned_soup(point(9.0), states, far, steps=100)
    assert inside.state_dict["weight"].item() < 4.0
    outside = learned_soup(point(9.0), states, far, steps=100, simplex=False)
    assert outside.state_dict["weight"].item() == pytest.approx(5.0, abs=1e-2)


@pytest.mark.parametrize("per", ["model", "layer", "tensor"])
@pytest.mark.parametrize("batch_statistics", [False, True])
def test_never_worse_than_uniform_and_nothing_is_mutated(per, batch_statistics):
    model = mlp()
    model[0].eval()
    states = ingredients(model)
    before = copy.deepcopy([model.state_dict(), *states])
    modes = [module.training for module in model.modules()]
    result = learned_soup(
        model, states, loss, steps=15, per=per, batch_statistics=batch_statistics
    )
    assert min(result.losses) < result.losses[0]
    assert len(result.losses) == result.evaluations == 16
    # The loss of the soup returned is the smallest met.
    judge = mlp().eval()
    judge[1].train(batch_statistics)
    judge.load_state_dict(result.state_dict)
    assert loss(judge).item() == pytest.approx(min(result.losses), abs=1e-5)
    judge.load_state_dict(uniform_soup(states).state_dict)
    assert loss(judge).item() == pytest.approx(result.losses[0], abs=1e-5)
    # Neither network nor ingredients, modes or gradients changed.
    for old, new in zip(before, [model.state_dict(), *states], strict=True):
        assert all(torch.equal(old[name], new[name]) for name in old)
    assert [module.training for module in model.modules()] == modes
    assert all(parameter.grad is None for parameter in model.parameters())


def test_weights_and_columns_reproduce_the_soup():
    model = mlp()
    states = ingredients(model)
    result = learned_soup(model, states, loss, steps=5)
    groups = len(set(result.columns.values()))
    assert result.weights.shape == (3, groups)
    assert torch.allclose(result.weights.sum(0), torch.ones(groups).double())
    for name, column in result.columns.items():
        made = average(states, result.weights[:, column])[name]
        assert torch.equal(made, result.state_dict[name])
    assert set(states[0]) - set(result.columns) == {"1.num_batches_tracked"}
    again = learned_soup(model, states, loss, steps=5)
    assert torch.equal(again.weights, result.weights)


def test_identical_ingredients_give_the_same_network():
    model = mlp()
    state = model.state_dict()
    result = learned_soup(model, [state] * 3, loss, steps=2)
    assert all(torch.equal(state[n], result.state_dict[n]) for n in state)


def test_it_learns_where_gradients_are_off_and_under_wrappers():
    model = mlp()
    states = ingredients(model)
    wrapped = [{f"module.{n}": t for n, t in state.items()} for state in states]
    with torch.no_grad():
        result = learned_soup(model, wrapped, loss, steps=3)
    assert result.losses[-1] != result.losses[0]
    assert list(result.state_dict) == list(model.state_dict())


def test_parts_are_drawn_without_replacement():
    model, seen = mlp(), []
    states = ingredients(model)

    def loss_of(network, parts):
        seen.append(parts.tolist())
        rows = torch.isin(torch.arange(40) % 8, parts)
        return nn.functional.cross_entropy(network(X[rows]), Y[rows])

    def learn(seed):
        return partition_learned_soup(
            model, states, loss_of, 8, 3, steps=30, generator=generator(seed)
        )

    result = learn(0)
    assert all(parts == sorted(set(parts)) and len(parts) == 3 for parts in seen)
    assert {part for parts in seen for part in parts} == set(range(8))
    assert len(seen) == len(result.losses) == result.evaluations == 30
    drawn = seen.copy()
    seen.clear()
    assert torch.equal(learn(0).weights, result.weights)
    assert seen == drawn
    assert not torch.equal(learn(1).weights, result.weights)


def test_all_parts_are_the_whole():
    model = mlp()
    states = ingredients(model)
    whole = learned_soup(model, states, loss, steps=4)
    parts = partition_learned_soup(
        model, states, lambda net, _: loss(net), 5, 5, steps=4, generator=generator(0)
    )
    assert parts.losses == whole.losses[:4]


def test_bad_arguments():
    model = mlp()
    states = ingredients(model)
    with pytest.raises(UnknownNameError, match="unknown group of tensors 'row'"):
        learned_soup(model, states, loss, per="row")
    with pytest.raises(GraphLLMError, match="'steps' must be >= 1"):
        learned_soup(model, states, loss, steps=0)
    with pytest.raises(GraphLLMError, match="'lr' must be > 0"):
        learned_soup(model, states, loss, lr=0.0)
    with pytest.raises(GraphLLMError, match="no state dicts"):
        learned_soup(model, [], loss)
    with pytest.raises(GraphLLMError, match=r"'0.weight' is .* in the model and"):
        learned_soup(model, [{**states[0], "0.weight": torch.ones(2)}], loss)
    plain = nn.BatchNorm1d(2, affine=False)
    with pytest.raises(GraphLLMError, match="the model has no parameters"):
        learned_soup(plain, [plain.state_dict()], loss)
    with pytest.raises(GraphLLMError, match="the loss is nan at step 0"):
        learned_soup(model, states, lambda net: loss(net) * float("nan"))
    for constant in (
        lambda net: loss(net).detach(),
        lambda net: torch.ones(1, requires_grad=True).sum(),
    ):
        with pytest.raises(GraphLLMError, match="does not depend on the shares"):
            learned_soup(model, states, constant)
    with pytest.raises(GraphLLMError, match=r"'parts_per_step' must be in \[1, 4\]"):
        partition_learned_soup(
            model, states, lambda net, _: loss(net), 4, 5, generator=generator(0)
        )
