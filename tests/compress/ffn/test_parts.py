import pytest
import torch

from graphllm.compress.blocks import find_blocks, weight_of
from graphllm.compress.ffn.drop_blocks import block_cosines
from graphllm.compress.ffn.drop_ffn import DropFFN, apply
from graphllm.compress.ffn.parts import (
    feed_forward,
    narrow_,
    note_width,
    residual_cosines,
    width_of,
)
from graphllm.compress.ffn.scores import sensitivity_scores
from graphllm.errors import CompressionError

FAMILIES = ["llama", "qwen2", "mistral", "gpt2", "opt", "gpt_neox"]


@pytest.mark.parametrize("name", FAMILIES)
def test_channels_that_do_nothing_can_be_left_out(tiny_model, tiny_tokens, name):
    model, ids = tiny_model(name), tiny_tokens()
    blocks = find_blocks(model)
    width = width_of(feed_forward(blocks[0]))
    keep = torch.arange(width)[torch.arange(width) % 4 != 1]
    with torch.no_grad():
        for block in blocks:
            weight_of(feed_forward(block).down)[:, 1::4] = 0
        before = model(input_ids=ids).logits
        for block in blocks:
            narrow_(feed_forward(block), keep)
        after = model(input_ids=ids).logits
    assert torch.allclose(after, before, atol=1e-5)
    assert width_of(feed_forward(blocks[0])) == len(keep)
    note_width(model)
    names = ("intermediate_size", "ffn_dim", "n_inner")
    assert len(keep) in [getattr(model.config, each, None) for each in names]


def test_widths_that_differ_stay_out_of_the_configuration(tiny_model):
    model = tiny_model("llama")
    narrow_(feed_forward(find_blocks(model)[0]), torch.arange(10))
    note_width(model)
    assert model.config.intermediate_size == 64


@pytest.mark.parametrize("name", ["llama", "gpt2", "opt"])
def test_cosines_by_hand(tiny_model, tiny_tokens, name):
    model, ids = tiny_model(name), tiny_tokens(2, 8)
    part = feed_forward(find_blocks(model)[1])
    seen = {}
    part.norm.register_forward_pre_hook(lambda _, args: seen.update(h=args[0]))
    (part.module or part.down).register_forward_hook(
        lambda _, args, out: seen.update(out=out)
    )
    with torch.no_grad():
        model(input_ids=ids)
    h, out = seen["h"].view(2, 8, -1), seen["out"].view(2, 8, -1)
    norms = h.norm(dim=-1) * (h + out).norm(dim=-1)
    expected = ((h * (h + out)).sum(-1) / norms)[:, 3:].mean()
    found = residual_cosines(model, ids, skip=3)
    assert found.shape == (3,)
    assert float(found[1]) == pytest.approx(float(expected), rel=1e-5)
    update = (h * out).sum(-1) / (h.norm(dim=-1) * out.norm(dim=-1))
    found = residual_cosines(model, ids, skip=3, update=True)
    assert float(found[1]) == pytest.approx(float(update[:, 3:].mean()), rel=1e-4)


def test_what_cannot_be_measured_or_narrowed(tiny_model, tiny_tokens):
    with pytest.raises(CompressionError, match="leave none after the first 8"):
        residual_cosines(tiny_model("llama"), tiny_tokens(1, 8), skip=8)
    late = tiny_model("opt", do_layer_norm_before=False)
    with pytest.raises(CompressionError, match="normalise after"):
        residual_cosines(late, tiny_tokens())
    with pytest.raises(CompressionError, match="looked for gate_proj/up_proj/down"):
        feed_forward(torch.nn.Linear(2, 2))
    dropped = tiny_model("opt")
    apply(dropped, DropFFN(blocks=(0,)))
    with pytest.raises(CompressionError, match="'fc1' is a Nothing by now"):
        width_of(feed_forward(find_blocks(dropped)[0]))


@pytest.mark.parametrize(
    "measure",
    [residual_cosines, block_cosines, sensitivity_scores],
    ids=lambda each: each.__name__,
)
def test_measuring_reads_what_the_model_can_and_leaves_its_mode(
    tiny_model, tiny_tokens, measure
):
    model = tiny_model("llama")
    model.train()
    model.lm_head.eval()
    measure(model, tiny_tokens(2, 8))
    assert model.training
    assert model.model.layers[0].training
    assert not model.lm_head.training
    with pytest.raises(CompressionError, match="vocabulary of the model to 63"):
        measure(model, tiny_tokens(2, 8) + 60)
    with pytest.raises(CompressionError, match="context only 128"):
        measure(model, tiny_tokens(1, 129))
    assert model.training
