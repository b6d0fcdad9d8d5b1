import copy

import pytest
import torch

from graphllm.compress.ffn.skip import attach
from graphllm.compress.ffn.skipper import SkipPlan
from graphllm.compress.perplexity import read
from graphllm.errors import CompressionError


def plan(mode="static", blocks=(1,), threshold=0.5, k=1, warm_up=0, cosine="residual"):
    return SkipPlan(mode, blocks, threshold, k, warm_up, cosine)


def without(model, index):
    """The model with a feed-forward layer that adds nothing."""
    model = copy.deepcopy(model)
    block = model.base_model.layers[index]
    torch.nn.init.zeros_(block.mlp.down_proj.weight)
    return model


def test_static_without_warm_up_is_the_model_without_the_layer(tiny_model, tiny_tokens):
    model, ids = tiny_model("llama"), tiny_tokens(1, 12)[0]
    expected = read(without(model, 1), ids)
    attach(model, plan())
    assert torch.allclose(read(model, ids), expected, atol=1e-5)
    assert model.ffn_skip.share == pytest.approx(1 / 3)
    step = read(model, ids, one_at_a_time=True)
    assert torch.allclose(step, expected, atol=1e-4)


@pytest.mark.parametrize("name", ["llama", "gpt2", "opt", "gpt_neox"])
def test_static_spares_the_first_positions(tiny_model, tiny_tokens, name):
    model, ids = tiny_model(name), tiny_tokens(1, 12)[0]
    dense = read(model, ids)
    attach(model, plan(warm_up=4))
    found = read(model, ids)
    assert torch.allclose(found[:4], dense[:4], atol=1e-5)
    assert not torch.allclose(found[4:], dense[4:], atol=1e-2)
    step = read(model, ids, one_at_a_time=True)
    assert torch.allclose(step, found, atol=1e-4)


def test_padding_does_not_count_as_a_position(tiny_model, tiny_tokens):
    model, ids = tiny_model("llama"), tiny_tokens(1, 8)
    attach(model, plan(warm_up=3))
    alone = read(model, ids[0])
    padded = torch.cat([torch.zeros(1, 5, dtype=torch.long), ids], 1)
    mask = torch.ones_like(padded)
    mask[:, :5] = 0
    with torch.no_grad():
        places = (mask.cumsum(-1) - 1).clamp(min=0)
        given = model(input_ids=padded, attention_mask=mask, position_ids=places)
        # transformers counts padding as positions where none are given; rotary
        # embeddings see differences alone, so the outputs are the same.
        guessed = model(input_ids=padded, attention_mask=mask)
    assert torch.allclose(given.logits[0, 5:], alone, atol=1e-4)
    assert torch.allclose(guessed.logits[0, 5:], alone, atol=1e-4)


@pytest.mark.parametrize("name", ["llama", "gpt2", "opt", "gpt_neox"])
def test_nothing_is_saturated_above_one(tiny_model, tiny_tokens, name):
    model, ids = tiny_model(name), tiny_tokens(1, 12)[0]
    dense = read(model, ids, one_at_a_time=True)
    attach(model, plan("dynamic", (0, 1, 2), threshold=1.01))
    assert torch.equal(read(model, ids, one_at_a_time=True), dense)
    assert model.ffn_skip.share == 0


@pytest.mark.parametrize("name", ["llama", "opt"])
def test_the_next_k_layers_are_skipped(tiny_model, tiny_tokens, name):
    # A threshold that every layer reaches: one runs, two are skipped, one runs.
    model, ids = tiny_model(name, num_hidden_layers=4), tiny_tokens(1, 12)[0]
    ran = [0] * 4
    for index, block in enumerate(model.get_decoder().layers):
        inner = block.mlp.down_proj if name == "llama" else block.activation_fn
        inner.register_forward_hook(
            lambda *_, index=index: ran.__setitem__(index, ran[index] + len(_[2]))
        )
    attach(model, plan("dynamic", (0, 1, 2, 3), threshold=1e-9, k=2, warm_up=3))
    kept = read(model, ids)  # a prompt is read in full
    ran[:] = [0] * 4
    assert model.ffn_skip.share == 0
    model.ffn_skip.reset()
    found = read(model, ids, one_at_a_time=True)
    assert torch.allclose(found[:4], kept[:4], atol=1e-4)
    # The prompt is one token and three more warm up; layers 1 and 2 miss the rest.
    assert model.ffn_skip.share == pytest.approx(8 * 2 / 48)
    assert ran[0] == ran[3] == 12
    assert ran[1] == ran[2] == 4


def test_a_batch_skips_where_all_agree(tiny_model, tiny_tokens):
    model, ids = tiny_model("llama"), tiny_tokens(3, 6)
    cosines = []
    attach(model, plan("dynamic", (0, 1), threshold=2.0))
    with torch.no_grad():
        output = model(input_ids=ids, use_cache=True)
    token = output.logits[:, -1:].argmax(-1)
    block = model.base_model.layers[0]
    seen = {}
    block.post_attention_layernorm.register_forward_pre_hook(
        lambda _, args: seen.update(h=args[0])
    )
    block.mlp.register_forward_hook(lambda _, args, out: seen.update(out=out))
    for row in range(2):  # the same step twice, at two thresholds
        cache = copy.deepcopy(output.past_key_values)
        model.ffn_skip.reset()
        with torch.no_grad():
            model(input_ids=token, past_key_values=cache)
        if row == 0:
            h, out = seen["h"], seen["out"]
            cosines = torch.cosine_similarity(h, h + out, dim=-1).flatten()
            middle = float(cosines.sort().values[:2].mean())
            model.ffn_skip.plan = plan("dynamic", (0, 1), threshold=middle)
    assert model.ffn_skip.share == 0  # two of three would have skipped
    model.ffn_skip.plan = plan("dynamic", (0, 1), threshold=float(cosines.min()) - 1e-4)
    with torch.no_grad():
        model(input_ids=token, past_key_values=copy.deepcopy(output.past_key_values))
    assert model.ffn_skip.share > 0


def test_the_cosine_of_the_update_alone(tiny_model, tiny_tokens):
    model, ids = tiny_model("llama"), tiny_tokens(1, 12)[0]
    attach(model, plan("dynamic", (0, 1, 2), threshold=0.6, cosine="residual"))
    read(model, ids, one_at_a_time=True)
    residual = model.ffn_skip.share
    attach(
        copied := tiny_model("llama"), plan("dynamic", (0, 1, 2), 0.6, cosine="block")
    )
    read(copied, ids, one_at_a_time=True)
    assert copied.ffn_skip.share < residual


def test_generation_leaves_no_gap_in_the_cache(tiny_model, tiny_tokens):
    model = tiny_model("llama")
    attach(model, plan("dynamic", (0, 1, 2), threshold=1e-9, k=2))
    output = model.generate(
        tiny_tokens(2, 5),
        max_new_tokens=8,
        do_sample=False,
        pad_token_id=0,
        eos_token_id=None,
        return_dict_in_generate=True,
    )
    lengths = {layer.keys.size(2) for layer in output.past_key_values.layers}
    assert lengths == {12}  # the last token is written, not read
    assert model.ffn_skip.share > 0


def test_a_plan_survives_json():
    given = plan("dynamic", (1, 2), 0.9, 2, 7)
    values = {**given.to_dict(), "blocks": [1, 2]}
    assert SkipPlan.from_dict(values) == given
    with pytest.raises(CompressionError, match="damaged"):
        SkipPlan.from_dict({"mode": "static"})
    with pytest.raises(CompressionError, match="damaged"):
        SkipPlan.from_dict({**values, "speed": 3})
