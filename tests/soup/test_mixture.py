import copy

import pytest
import torch
from torch import nn

from graphllm.soup import average
from graphllm.soup.mixture import Mixture, columns_of


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(3, 3)
        self.norm = nn.BatchNorm1d(3)
        self.embed = nn.Parameter(torch.randn(3, 3))
        self.head = nn.Linear(3, 3)
        self.head.weight = self.embed

    def forward(self, x, scale=1.0):
        return self.head(self.norm(self.lin(x) @ self.embed)) * scale


def two(model):
    states = []
    for seed in range(2):
        torch.manual_seed(seed)
        other = copy.deepcopy(model)
        for tensor in other.parameters():
            nn.init.normal_(tensor)
        other.norm.train()(torch.randn(8, 3, dtype=other.embed.dtype))
        states.append(other.state_dict())
    return states


def test_it_is_the_network_with_averaged_weights():
    model = Net().eval()
    states = two(model)
    columns = columns_of(model, "model")
    x = torch.randn(4, 3)
    call = Mixture(model, states, columns).network(torch.tensor([[0.25], [0.75]]))
    other = Net().eval()
    other.load_state_dict(average(states, [0.25, 0.75]))
    assert torch.allclose(call(x), other(x), atol=1e-6)
    assert torch.allclose(call(x, scale=3.0), 3 * other(x), atol=1e-5)


def test_gradients_are_those_of_finite_differences():
    # Not through running statistics: torch has no gradient there.
    model = Net().double().train()
    mixture = Mixture(model, two(model), columns_of(model, "layer"))
    x = torch.randn(4, 3, dtype=torch.float64)
    weights = torch.rand(2, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda w: mixture.network(w)(x), weights)


def test_batch_statistics_leave_network_and_ingredients_alone():
    model = Net()
    states = two(model)
    before = copy.deepcopy([model.state_dict(), *states])
    mixture = Mixture(model, states, columns_of(model, "tensor"))
    weights = torch.full((2, 6), 0.5, requires_grad=True)
    mixture.network(weights)(torch.randn(4, 3)).sum().backward()
    assert weights.grad is not None
    assert all(parameter.grad is None for parameter in model.parameters())
    for old, new in zip(before, [model.state_dict(), *states], strict=True):
        assert all(torch.equal(old[name], new[name]) for name in old)


@pytest.mark.parametrize(
    ("per", "groups"),
    [
        ("model", [["lin.weight", "norm.weight", "norm.running_var", "head.bias"]]),
        (
            "layer",
            [
                ["embed", "head.weight"],
                ["lin.weight", "lin.bias"],
                ["norm.weight", "norm.bias", "norm.running_mean", "norm.running_var"],
                ["head.bias"],
            ],
        ),
        (
            "tensor",
            [
                ["embed", "head.weight"],
                ["lin.weight"],
                ["lin.bias"],
                ["norm.weight"],
                ["norm.bias", "norm.running_mean", "norm.running_var"],
                ["head.bias"],
            ],
        ),
    ],
)
def test_columns(per, groups):
    columns = columns_of(Net(), per)
    expected = {name: number for number, names in enumerate(groups) for name in names}
    assert expected.items() <= columns.items()
    assert max(columns.values()) == len(groups) - 1
    assert "norm.num_batches_tracked" not in columns


def test_buffers_of_a_layer_without_parameters_go_with_the_one_before():
    net = nn.Sequential(
        nn.Linear(2, 2), nn.BatchNorm1d(2, affine=False), nn.Linear(2, 1)
    )
    columns = columns_of(net, "layer")
    assert columns["1.running_mean"] == columns["0.weight"] == 0
    assert columns["2.weight"] == 1


def nested(names):
    root = nn.Module()
    for name in names:
        *path, last = name.split(".")
        module = root
        for part in path:
            if part not in dict(module.named_children()):
                module.add_module(part, nn.Module())
            module = module.get_submodule(part)
        module.register_parameter(last, nn.Parameter(torch.randn(1)))
    return root


@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_layer_ends_at_its_number(prefix):
    layers = {
        "convs.0.lin.weight": "convs.0",
        "convs.0.bias": "convs.0",
        "convs.1.bias": "convs.1",
        "norms.0.module.weight": "norms.0",
        "model.layers.11.mlp.up.weight": "model.layers.11",
        "model.layers.11.norm.weight": "model.layers.11",
        "lin2.weight": "lin2",
        "lin2.inner.weight": "lin2",
        "4.weight": "4",
        "weight": "weight",
    }
    columns = columns_of(nested(prefix + name for name in layers), "layer")
    pairs = {(columns[prefix + name], layer) for name, layer in layers.items()}
    assert len(set(columns.values())) == len(set(layers.values())) == len(pairs)
