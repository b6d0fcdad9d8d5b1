import pytest
import torch

from graphllm.compress import Magnitude, compress_
from graphllm.compress.blocks import find_blocks, linears, weight_of
from graphllm.compress.lowrank.linear import LowRankLinear
from graphllm.compress.perplexity import read
from graphllm.compress.repair.adapter import (
    LoraLinear,
    add_adapters,
    merge_adapters,
)
from graphllm.errors import CompressionError


def test_an_adapter_by_the_formula():
    base = torch.nn.Linear(5, 3)
    with torch.no_grad():
        base.weight[1, ::2] = 0
    adapter = LoraLinear(base, rank=2, alpha=6.0)
    torch.nn.init.normal_(adapter.b)
    x = torch.randn(4, 5)
    mask = (base.weight != 0).float()
    weight = base.weight + 3.0 * (adapter.b @ adapter.a) * mask
    assert torch.allclose(adapter(x), x @ weight.T + base.bias, atol=1e-6)
    plain = LoraLinear(base, rank=2, alpha=6.0, masked=False)
    plain.load_state_dict(adapter.state_dict())
    weight = base.weight + 3.0 * adapter.b @ adapter.a
    assert torch.allclose(plain(x), x @ weight.T + base.bias, atol=1e-6)


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("name", ["llama", "gpt2", "opt", "gpt_neox"])
def test_merging_keeps_the_outputs_and_the_zeros(tiny_model, tiny_tokens, name, masked):
    model, ids = tiny_model(name), tiny_tokens(1, 10)[0]
    compress_(model, Magnitude(pattern="2:4"))
    names = list(model.state_dict())
    before, pruned = read(model, ids), zeros_of(model)
    trained = add_adapters(model, rank=3, masked=masked)
    assert torch.allclose(read(model, ids), before, atol=1e-5)  # B begins at zero
    wanted = [each for each in model.parameters() if each.requires_grad]
    assert {id(each) for each in wanted} == {id(each) for each in trained}
    for each in trained:
        torch.nn.init.normal_(each, std=0.1)
    adapted = read(model, ids)
    assert not torch.allclose(adapted, before, atol=1e-2)
    merge_adapters(model)
    assert list(model.state_dict()) == names
    assert torch.allclose(read(model, ids), adapted, atol=1e-4)
    same = all(map(torch.equal, zeros_of(model), pruned))
    assert same == masked


def zeros_of(model):
    return [
        weight_of(layer) == 0
        for block in find_blocks(model)
        for layer in linears(block).values()
    ]


def test_what_cannot_be_adapted(tiny_model):
    model = tiny_model("llama", num_hidden_layers=1)
    block = find_blocks(model)[0]
    for name, layer in linears(block).items():
        swapped = LowRankLinear(layer.in_features, layer.out_features, 2, bias=False)
        block.set_submodule(name, swapped)
    with pytest.raises(CompressionError, match="no dense projection"):
        add_adapters(model)
    with pytest.raises(CompressionError, match="'rank' must be positive"):
        add_adapters(tiny_model("llama"), rank=0)
