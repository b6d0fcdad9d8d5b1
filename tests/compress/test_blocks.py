import pytest
import torch
from torch import nn

from graphllm.compress.blocks import (
    block_names,
    find_blocks,
    linears,
    set_weight,
    weight_of,
)
from graphllm.errors import CompressionError

PLACES = {
    "llama": ("model.layers.2", 7),
    "qwen2": ("model.layers.2", 7),
    "mistral": ("model.layers.2", 7),
    "gpt2": ("transformer.h.2", 4),
    "opt": ("model.decoder.layers.2", 6),
    "gpt_neox": ("gpt_neox.layers.2", 4),
}


@pytest.mark.parametrize("family", PLACES)
def test_every_family_is_found(tiny_model, family):
    model = tiny_model(family)
    path, count = PLACES[family]
    assert block_names(model)[-1] == path
    block = find_blocks(model)[2]
    assert model.get_submodule(path) is block
    found = linears(block)
    assert len(found) == count
    assert all(block.get_submodule(name) is each for name, each in found.items())
    assert find_blocks(model.base_model)[2] is block


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_weights_are_out_by_in(tiny_model, family):
    block = find_blocks(tiny_model(family))[0]
    for name, linear in linears(block).items():
        rows, columns = weight_of(linear).shape
        x = torch.randn(5, columns)
        bias = 0 if linear.bias is None else linear.bias
        out = linear(x)
        assert out.shape == (5, rows), name
        assert torch.allclose(out, x @ weight_of(linear).T + bias, atol=1e-5), name
        new = torch.randn(rows, columns)
        set_weight(linear, new)
        assert torch.allclose(linear(x), x @ new.T + bias, atol=1e-5), name


def test_an_unknown_architecture_says_what_was_looked_for():
    with pytest.raises(
        CompressionError, match=r"'Linear'.*model.layers, transformer.h"
    ):
        find_blocks(nn.Linear(2, 2))


def test_a_block_without_linears_says_what_was_looked_for():
    with pytest.raises(CompressionError, match=r"torch.nn.Linear and transformers'"):
        linears(nn.Sequential(nn.ReLU()))
