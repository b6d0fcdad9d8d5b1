import pytest
import torch

from graphllm.compress import Int4, Int8, QuantEmbedding, QuantLinear, compress_
from graphllm.compress.base import CompressionConfig
from graphllm.errors import CompressionError, UnknownNameError

FAMILIES = ["llama", "gpt2", "opt"]


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
