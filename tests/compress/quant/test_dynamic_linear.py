import copy

import torch
from torch import nn

from graphllm.compress import DynamicLinear
from graphllm.compress.quant.dynamic_linear import _input_levels


def off(layer, dense, x):
    """Relative error of each row of the output."""
    expected = dense(x)
    return (layer(x) - expected).norm(dim=-1) / expected.norm(dim=-1)


@torch.no_grad()
def test_it_is_nearly_the_dense_layer():
    for bias in (True, False):
        dense, x = nn.Linear(48, 20, bias=bias), torch.randn(2, 5, 48)
        layer = DynamicLinear.from_weight(dense.weight.detach(), dense.bias)
        assert layer(x).shape == (2, 5, 20)
        assert off(layer, dense, x).max() < 0.05
        assert layer.nbytes() == 20 * (48 + 2) + 80 * bias
        assert off(layer, layer.to_dense(), x).max() < 0.05


@torch.no_grad()
def test_one_loud_token_does_not_silence_the_others():
    dense, x = nn.Linear(48, 20, bias=False), torch.randn(6, 48)
    x[0] *= 1e4
    layer = DynamicLinear.from_weight(dense.weight)
    assert off(layer, dense, x).max() < 0.05
    # One scale for all tokens rounds the others to zero.
    step = x.abs().max() / 127
    expected = dense(x)
    shared = dense((x / step).round() * step)
    assert torch.equal(shared[1:], torch.zeros(5, 20))
    assert expected[1:].abs().max() > 0.1


@torch.no_grad()
def test_by_hand():
    weight = torch.tensor([[127.0, -64.0, 1.0], [0.0, 2.0, -127.0]])
    levels = _input_levels()
    x = torch.tensor([[-levels, 10.0, 7.0], [0.0, 0.0, 0.0]])
    layer = DynamicLinear.from_weight(weight, torch.tensor([0.5, 0.0]))
    assert layer.scale.tolist() == [[1.0], [1.0]]
    # All whole numbers: -127 levels - 640 + 7 + 0.5 and 20 - 889.
    assert layer(x).tolist() == [[-127 * levels - 632.5, -869.0], [0.5, 0.0]]


@torch.no_grad()
def test_by_the_formula():
    weight, x = torch.randn(20, 48), torch.randn(6, 48)
    layer = DynamicLinear.from_weight(weight)
    step = x.abs().amax(1, keepdim=True).double() / _input_levels()
    expected = (x / step).round() * step @ layer.weight.double().T
    assert torch.allclose(layer(x).double(), expected, atol=1e-4)


@torch.no_grad()
def test_a_row_does_not_depend_on_its_batch():
    layer, x = DynamicLinear.from_weight(torch.randn(20, 48)), torch.randn(40, 48)
    together = layer(x)
    for row, expected in zip(x, together, strict=True):
        assert torch.equal(layer(row), expected)


@torch.no_grad()
def test_facts_and_state_rebuild_it():
    layer, x = DynamicLinear.from_weight(torch.randn(20, 48)), torch.randn(3, 48)
    expected = layer(x)
    again = DynamicLinear.from_facts(layer.facts())
    again.load_state_dict(layer.state_dict())
    assert torch.equal(again(x), expected)
    assert torch.equal(copy.deepcopy(layer)(x), expected)


def test_gradients_pass_through_to_the_input():
    layer = DynamicLinear.from_weight(torch.randn(20, 48))
    x = torch.randn(3, 48, requires_grad=True)
    layer(x).sum().backward()
    assert torch.allclose(x.grad, layer.weight.sum(0).expand(3, -1), atol=1e-5)


@torch.no_grad()
def test_half_precision_models():
    layer, x = DynamicLinear.from_weight(torch.randn(20, 48)), torch.randn(3, 48)
    y = layer(x.bfloat16())
    assert y.dtype == torch.bfloat16
    assert torch.allclose(y.float(), layer(x), rtol=0.1, atol=0.5)
