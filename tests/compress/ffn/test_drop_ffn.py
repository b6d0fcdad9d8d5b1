import pytest
import torch

from graphllm.compress import Calibration, compress_
from graphllm.compress.blocks import find_blocks, set_weight, weight_of
from graphllm.compress.ffn.drop_ffn import DropFFN, NoFFN, apply
from graphllm.compress.ffn.parts import feed_forward
from graphllm.errors import CompressionError

FAMILIES = ["llama", "qwen2", "mistral", "gpt2", "opt", "gpt_neox"]


@pytest.mark.parametrize("name", FAMILIES)
def test_a_layer_that_is_gone_adds_nothing(tiny_model, tiny_tokens, name):
    model, ids = tiny_model(name), tiny_tokens()
    silent = feed_forward(find_blocks(model)[1]).down
    with torch.no_grad():
        set_weight(silent, torch.zeros_like(weight_of(silent)))
        if silent.bias is not None:
            silent.bias.zero_()
        before = model(input_ids=ids).logits
        report = compress_(model, DropFFN(ratio=0.3), Calibration(ids))
        after = model(input_ids=ids).logits
    assert torch.allclose(after, before, atol=1e-5)
    assert len(report.layers) == 1
    assert any(isinstance(each, NoFFN) for each in find_blocks(model)[1].modules())


def test_weights_are_gone(tiny_model):
    model = tiny_model("llama")
    before = sum(each.numel() for each in model.parameters())
    (report,) = apply(model, DropFFN(blocks=(2,)))
    assert report.name == "model.layers.2.mlp"
    after = sum(each.numel() for each in model.parameters())
    assert before - after == report.parameters == 3 * 32 * 64
    with pytest.raises(CompressionError, match="must be below 3"):
        apply(model, DropFFN(blocks=(3,)))
