import pytest
import torch

from graphllm.compress import Calibration, compress_
from graphllm.compress.blocks import find_blocks
from graphllm.compress.ffn.drop_blocks import DropBlocks, apply, block_cosines
from graphllm.errors import CompressionError

FAMILIES = ["llama", "qwen2", "mistral", "gpt2", "opt", "gpt_neox"]


@pytest.mark.parametrize("name", FAMILIES)
def test_a_shallower_model_is_a_model(tiny_model, tiny_tokens, name):
    model, ids = tiny_model(name), tiny_tokens()
    report = compress_(model, DropBlocks(blocks=(1,)))
    assert model.config.num_hidden_layers == len(find_blocks(model)) == 2
    assert report.layers[0].kept_parameters == 0
    with torch.no_grad():
        output = model(input_ids=ids, use_cache=True)
        # The last block writes the second entry of the cache, not the third.
        token = output.logits[:, -1:].argmax(-1)
        step = model(input_ids=token, past_key_values=output.past_key_values)
        whole = model(input_ids=torch.cat([ids, token], 1)).logits[:, -1:]
    assert torch.allclose(step.logits, whole, atol=1e-4)


def test_the_block_that_does_least_goes(tiny_model, tiny_tokens):
    model, ids = tiny_model("llama"), tiny_tokens()
    idle = find_blocks(model)[1]
    with torch.no_grad():
        idle.self_attn.o_proj.weight.zero_()
        idle.mlp.down_proj.weight.zero_()
        before = model(input_ids=ids).logits
    assert float(block_cosines(model, ids)[1]) == pytest.approx(1, abs=1e-5)
    apply(model, DropBlocks(ratio=0.3), Calibration(ids))
    assert idle not in list(find_blocks(model))
    assert torch.allclose(model(input_ids=ids).logits, before, atol=1e-5)
    with pytest.raises(CompressionError, match="needs a calibration"):
        apply(model, DropBlocks(ratio=0.3))


def test_attention_that_knows_its_block_is_refused(tiny_model):
    model = tiny_model("gpt2", scale_attn_by_inverse_layer_idx=True)
    with pytest.raises(CompressionError, match="scaled by the number of its block"):
        compress_(model, DropBlocks(blocks=(1,)))
    assert len(find_blocks(model)) == 3
