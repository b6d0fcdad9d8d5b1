import pytest
import torch

from graphllm.compress import Calibration, compress_
from graphllm.compress.blocks import find_blocks
from graphllm.compress.ffn.parts import feed_forward, width_of
from graphllm.compress.ffn.width import FFNWidth, apply
from graphllm.compress.perplexity import read
from graphllm.errors import CompressionError

FAMILIES = ["llama", "qwen2", "mistral", "gpt2", "opt", "gpt_neox"]


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_gets_narrower(tiny_model, tiny_tokens, name):
    model, ids = tiny_model(name), tiny_tokens()
    wide = width_of(feed_forward(find_blocks(model)[0]))
    before = sum(each.numel() for each in model.parameters())
    report = compress_(model, FFNWidth(0.25), Calibration(ids))
    widths = {width_of(feed_forward(block)) for block in find_blocks(model)}
    assert widths == {wide * 3 // 4}
    matrices = sum(each.parameters - each.kept_parameters for each in report.layers)
    after = sum(each.numel() for each in model.parameters())
    assert matrices == pytest.approx(before - after, abs=3 * wide // 4)  # and biases
    assert model(input_ids=ids).logits.isfinite().all()
    model.generate(ids, max_new_tokens=3, do_sample=False, pad_token_id=0)


@pytest.mark.parametrize("score", ["activation", "sensitivity", "reconstruction"])
def test_a_refit_loses_less(tiny_model, tiny_tokens, score):
    errors = {}
    for again in (True, False):
        model = tiny_model("llama")
        config = FFNWidth(0.5, score=score, refit=again)
        reports = apply(model, config, Calibration(tiny_tokens(16, 32)))
        downs = [each.error for each in reports if each.name.endswith("down_proj")]
        errors[again] = downs[0]
    assert 0 < errors[True] < errors[False] < 1


def test_channels_that_never_fire_go_first(tiny_model, tiny_tokens):
    model, ids = tiny_model("llama"), tiny_tokens()
    for block in find_blocks(model):
        with torch.no_grad():
            block.mlp.up_proj.weight[::2] = 0
    before = read(model, ids[0])
    for score in ("activation", "sensitivity", "reconstruction"):
        narrow = tiny_model("llama")
        narrow.load_state_dict(model.state_dict())
        apply(narrow, FFNWidth(0.5, score=score, damping=1e-6), Calibration(ids))
        assert torch.allclose(read(narrow, ids[0]), before, atol=1e-3), score


def test_magnitude_needs_no_text(tiny_model):
    model = tiny_model("gpt2")
    done = []
    config = FFNWidth(0.25, score="magnitude", refit=False)
    reports = apply(model, config, None, lambda *at: done.append(at))
    assert done[-1] == (3, 3)
    assert model.config.n_inner == 96
    assert [each.error for each in reports] == [None] * 6
    with pytest.raises(CompressionError, match="'ffn_width' needs a calibration"):
        apply(tiny_model("gpt2"), FFNWidth(0.25))


def test_widths_are_rounded():
    assert FFNWidth(0.1, multiple_of=32).kept(1536) == 1376
    assert FFNWidth(0.25).kept(10) == 8
    with pytest.raises(CompressionError, match="leaves 64"):
        FFNWidth(0.1, multiple_of=32).kept(64)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ratio": 1.0}, r"inside of \(0, 1\)"),
        ({"ratio": 0.1, "score": "wish"}, "unknown 'score' 'wish'"),
        ({"ratio": 0.1, "multiple_of": 0}, "must be positive"),
        ({"ratio": 0.1, "damping": 0.0}, "must be positive"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(CompressionError, match=message):
        FFNWidth(**options)
