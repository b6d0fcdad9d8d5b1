import pytest
import torch

from graphllm._optional import available
from graphllm.compress import Int4, Int8, QuantEmbedding, QuantLinear, compress_
from graphllm.compress.base import CompressionConfig
from graphllm.errors import CompressionError, MissingExtraError, UnknownNameError

FAMILIES = ["llama", "gpt2", "opt"]
needs_torchao = pytest.mark.skipif(
    not available("torchao"), reason="torchao is not installed (extra 'quant')"
)


@torch.no_grad()
def logits(model, ids):
    return model(ids).logits


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("config", "moved", "bytes_a_weight"), [(Int8(), 0.06, 1.3), (Int4(32), 0.5, 0.9)]
)
def test_smaller_and_nearly_the_same(
    config, moved, bytes_a_weight, family, tiny_model, tiny_tokens
):
    model, ids = tiny_model(family, tie_word_embeddings=True), tiny_tokens()
    before, dense = logits(model, ids), model.get_input_embeddings().num_embeddings
    report = compress_(model, config)
    assert (logits(model, ids) - before).norm() < moved * before.norm()
    weights = sum(each.parameters for each in report.layers)
    left = report.parameters - weights
    assert report.bytes < bytes_a_weight * weights + 4 * left + 64
    assert model.get_input_embeddings().num_embeddings == dense
    assert report.kept_parameters == report.parameters


def test_embeddings_can_stay(tiny_model):
    model = tiny_model("llama")
    compress_(model, Int8(embeddings=False))
    kinds = [type(each) for each in model.modules()]
    assert QuantEmbedding not in kinds
    assert kinds.count(QuantLinear) == 21


def test_codes_round_trip_through_the_state(tiny_model, tiny_tokens):
    model, ids = tiny_model("llama", tie_word_embeddings=True), tiny_tokens()
    compress_(model, Int4(16))
    again = tiny_model("llama", seed=1, tie_word_embeddings=True)
    for name, module in model.named_modules():
        if isinstance(module, QuantLinear | QuantEmbedding):
            again.set_submodule(name, type(module).from_facts(module.facts()))
    again.load_state_dict(model.state_dict(), assign=True)
    assert torch.equal(logits(again, ids), logits(model, ids))
    codes = again.lm_head.codes.data_ptr(), again.model.embed_tokens.codes.data_ptr()
    assert codes[0] == codes[1]


@pytest.mark.skipif(available("torchao"), reason="torchao is installed")
def test_torchao_is_named_where_it_is_missing(tiny_model):
    with pytest.raises(MissingExtraError, match=r"graphllm\[quant\]"):
        compress_(tiny_model("llama"), Int8(backend="torchao"))


@needs_torchao
@pytest.mark.parametrize(
    "config", [Int8(backend="torchao"), Int4(32, backend="torchao")]
)
def test_torchao_gives_nearly_our_model(config, tiny_model, tiny_tokens):
    model, ids = tiny_model("llama"), tiny_tokens()
    own, before = tiny_model("llama"), logits(model, ids)
    report = compress_(model, config)
    values = {**config.to_dict(), "backend": "graphllm", "embeddings": False}
    compress_(own, CompressionConfig.from_dict(values))
    assert len(report.layers) == 21
    assert 0 < (logits(model, ids) - before).norm() < 0.6 * before.norm()
    close = 0.05 if isinstance(config, Int8) else 0.6
    assert (logits(model, ids) - logits(own, ids)).norm() < close * before.norm()


@needs_torchao
def test_torchao_does_not_know_transposed_weights(tiny_model):
    with pytest.raises(CompressionError, match=r"torchao knows torch\.nn\.Linear only"):
        compress_(tiny_model("gpt2"), Int8(backend="torchao"))


def test_what_cannot_be(tiny_model):
    with pytest.raises(UnknownNameError, match="unknown backend 'bnb'"):
        Int8(backend="bnb")
    with pytest.raises(UnknownNameError, match="unknown backend"):
        Int4(backend="bnb")
    with pytest.raises(CompressionError, match="'group_size'"):
        Int4(-4)
    with pytest.raises(CompressionError, match="does not divide"):
        compress_(tiny_model("llama"), Int4(24))


@pytest.mark.parametrize("config", [Int8(False), Int4(None, True, True, False)])
def test_config_as_json(config):
    assert CompressionConfig.from_dict(config.to_dict()) == config
