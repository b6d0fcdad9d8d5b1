import pytest
import torch
from torch import nn

from graphllm.compress import QuantLinear, rtn
from graphllm.compress.quant import linear as module
from graphllm.compress.quant.awq import awq

GRIDS = [
    (8, None, True),
    (8, 16, False),
    (6, 16, True),
    (4, 16, False),
    (4, 16, True),
    (3, None, False),
]


def quantized(bits, group_size, symmetric, columns=40, rows=7):
    weight = torch.randn(rows, columns)
    return rtn(weight, bits, group_size, symmetric, ragged=True)


@pytest.mark.parametrize("grid", GRIDS)
def test_it_is_the_dense_layer_of_its_weight(grid):
    found, bias, x = quantized(*grid), torch.randn(7), torch.randn(2, 3, 40)
    layer = QuantLinear.from_quantized(found, bias)
    assert torch.equal(layer.weight, found.dequantize())
    expected = nn.functional.linear(x, found.dequantize(), bias)
    assert torch.allclose(layer(x), expected, atol=1e-4)
    dense = layer.to_dense()
    assert type(dense) is nn.Linear
    assert torch.allclose(dense(x), expected, atol=1e-5)


def test_channel_scales_divide_inputs():
    x = torch.randn(50, 32)
    found = awq(torch.randn(6, 32), x.T @ x, x.abs().mean(0) ** 3, 4, 16)
    layer = QuantLinear.from_quantized(found)
    assert found.channel_scale.unique().numel() > 1
    assert torch.allclose(layer.weight, found.dequantize())
    assert torch.allclose(layer(x), x @ found.dequantize().T, atol=1e-3)


@pytest.mark.parametrize("grid", GRIDS)
def test_facts_and_state_rebuild_it(grid):
    layer = QuantLinear.from_quantized(quantized(*grid), torch.randn(7))
    again = QuantLinear.from_facts(layer.facts())
    again.load_state_dict(layer.state_dict())
    x = torch.randn(3, 40)
    assert torch.equal(again(x), layer(x))
    assert again.facts() == layer.facts()
    assert again.nbytes() == layer.nbytes()


def test_its_size():
    # A byte or half of one a weight, two of scale a group, one of zero.
    eight = QuantLinear.from_quantized(quantized(8, None, True, 64, 10))
    assert eight.nbytes() == 10 * (64 + 2)
    four = QuantLinear.from_quantized(quantized(4, 32, False, 64, 10))
    assert four.nbytes() == 10 * (32 + 2 * 2 + 2)


def test_large_layers_are_unpacked_in_parts(monkeypatch):
    layer, x = QuantLinear.from_quantized(quantized(4, 16, False)), torch.randn(3, 40)
    whole = layer(x)
    monkeypatch.setattr(module, "_AT_A_TIME", 3 * 40)
    assert torch.allclose(layer(x), whole, atol=1e-5)


def test_gradients_pass_through_to_the_input():
    layer = QuantLinear.from_quantized(quantized(4, 16, False))
    x = torch.randn(3, 40, requires_grad=True)
    layer(x).sum().backward()
    assert torch.allclose(x.grad, layer.weight.sum(0).expand(3, -1), atol=1e-5)


def test_half_precision_models():
    layer = QuantLinear.from_quantized(quantized(4, 16, False))
    x = torch.randn(3, 40)
    y = layer(x.bfloat16())
    assert y.dtype == torch.bfloat16
    assert torch.allclose(y.float(), layer(x), rtol=0.1, atol=0.5)
