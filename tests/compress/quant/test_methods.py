import pytest
import torch

from graphllm.compress import AWQ, GPTQ, RTN, Calibration, QuantLinear, compress_
from graphllm.compress.base import CompressionConfig
from graphllm.compress.blocks import find_blocks, linears, weight_of
from graphllm.errors import CompressionError

METHODS = [RTN(4, 16), GPTQ(4, 16), AWQ(4, 16, steps=3)]
FAMILIES = ["qwen2", "gpt2"]


@torch.no_grad()
def logits(model, ids):
    return model(ids).logits


@pytest.mark.parametrize("config", METHODS, ids=lambda c: c.method)
@pytest.mark.parametrize("family", FAMILIES)
def test_packed_is_the_rounded_model(config, family, tiny_model, tiny_tokens):
    ids, text = tiny_tokens(), Calibration(tiny_tokens(8, 16, seed=1))
    rounded, packed = tiny_model(family), tiny_model(family)
    plain = compress_(rounded, config, text)
    small = CompressionConfig.from_dict({**config.to_dict(), "packed": True})
    report = compress_(packed, small, text)
    assert torch.allclose(logits(packed, ids), logits(rounded, ids), atol=1e-2)
    assert sum(isinstance(each, QuantLinear) for each in packed.modules()) == len(
        report.layers
    )
    assert report.bytes < 0.6 * plain.bytes
    for one, other in zip(plain.layers, report.layers, strict=True):
        assert (one.name, one.bits) == (other.name, other.bits)
        assert 0.0 < one.error < 0.2


def test_rounded_weights_have_few_values(tiny_model):
    model = tiny_model("gpt2")
    compress_(model, RTN(2, None))
    for block in find_blocks(model):
        for each in linears(block).values():
            for row in weight_of(each):
                assert row.unique().numel() <= 4


def test_calibrated_methods_move_outputs_less(tiny_model, tiny_tokens):
    text = Calibration(tiny_tokens(32, 32))
    errors = {}
    for config in (RTN(3, 16), GPTQ(3, 16), AWQ(3, 16, steps=5)):
        model = tiny_model("llama")
        before = logits(model, text.input_ids)
        compress_(model, config, text)
        errors[config.method] = (logits(model, text.input_ids) - before).norm()
    assert errors["gptq"] < errors["rtn"]
    assert errors["awq"] < errors["rtn"]


def test_eight_bits_are_nearly_the_model(tiny_model, tiny_tokens):
    model, ids = tiny_model("llama"), tiny_tokens()
    before = logits(model, ids)
    compress_(model, RTN(8, 16))
    assert (logits(model, ids) - before).norm() < 0.05 * before.norm()


def test_options_reach_the_methods(tiny_model, tiny_tokens):
    text = Calibration(tiny_tokens())
    found = {}
    for config in (
        GPTQ(3, 16),
        GPTQ(3, 16, act_order=True),
        GPTQ(3, 16, damping=1.0),
        AWQ(3, 16, steps=4),
        AWQ(3, 16, steps=4, clip=False),
        AWQ(3, 16, steps=1),
    ):
        model = tiny_model("llama", num_hidden_layers=1)
        compress_(model, config, text)
        found[config] = logits(model, text.input_ids)
    values = list(found.values())
    for i, one in enumerate(values):
        assert not any(torch.equal(one, other) for other in values[:i])


def test_queries_and_keys_are_not_clipped(tiny_model, tiny_tokens):
    text = Calibration(tiny_tokens())
    clipped, whole = (tiny_model("llama", num_hidden_layers=1) for _ in range(2))
    compress_(clipped, AWQ(3, 16, steps=2), text)
    compress_(whole, AWQ(3, 16, steps=2, clip=False), text)
    one, other = (linears(find_blocks(each)[0]) for each in (clipped, whole))
    for name in one:
        same = torch.equal(one[name].weight, other[name].weight)
        assert same == name.endswith(("q_proj", "k_proj"))


def test_a_group_that_does_not_fit_leaves_the_model_alone(tiny_model, tiny_tokens):
    model, ids = tiny_model("llama"), tiny_tokens()
    before = logits(model, ids)
    with pytest.raises(CompressionError, match="64 does not divide 32 columns; use 32"):
        compress_(model, RTN(4, 64))
    assert torch.equal(logits(model, ids), before)
    compress_(model, GPTQ(4, 24, ragged=True), Calibration(ids))


def test_what_cannot_be(tiny_model):
    for config in (GPTQ(4, 16), AWQ(4, 16)):
        with pytest.raises(CompressionError, match="needs a calibration"):
            compress_(tiny_model("llama"), config)
    for wrong, message in (
        (lambda: RTN(1), "'bits'"),
        (lambda: RTN(4, -1), "'group_size'"),
        (lambda: GPTQ(damping=0.0), "'damping'"),
        (lambda: AWQ(steps=0), "'steps'"),
    ):
        with pytest.raises(CompressionError, match=message):
            wrong()


@pytest.mark.parametrize("config", METHODS, ids=lambda c: c.method)
def test_config_as_json(config):
    assert CompressionConfig.from_dict(config.to_dict()) == config
