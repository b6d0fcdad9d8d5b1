import pytest
import torch

from graphllm._optional import available
from graphllm.compress import DynamicInt8, Int4, Int8, compress_
from graphllm.compress.base import CompressionConfig
from graphllm.compress.quant.torchao import check_backend
from graphllm.errors import CompressionError, MissingExtraError, UnknownNameError

CONFIGS = [
    Int8(backend="torchao"),
    Int4(32, backend="torchao"),
    DynamicInt8(backend="torchao"),
]
needs_torchao = pytest.mark.skipif(
    not available("torchao"), reason="torchao is not installed (extra 'quant')"
)


@torch.no_grad()
def logits(model, ids):
    return model(ids).logits


@pytest.mark.skipif(available("torchao"), reason="torchao is installed")
@pytest.mark.parametrize("config", CONFIGS)
def test_torchao_is_named_where_it_is_missing(config, tiny_model):
    with pytest.raises(MissingExtraError, match=r"graphllm\[quant\]"):
        compress_(tiny_model("llama"), config)


@needs_torchao
@pytest.mark.parametrize("config", CONFIGS)
def test_torchao_gives_nearly_our_model(config, tiny_model, tiny_tokens):
    model, ids = tiny_model("llama"), tiny_tokens()
    own, before = tiny_model("llama"), logits(model, ids)
    report = compress_(model, config)
    values = {**config.to_dict(), "backend": "graphllm"}
    if "embeddings" in values:
        values["embeddings"] = False
    compress_(own, CompressionConfig.from_dict(values))
    assert len(report.layers) == 21
    assert 0 < (logits(model, ids) - before).norm() < 0.6 * before.norm()
    close = 0.6 if isinstance(config, Int4) else 0.05
    assert (logits(model, ids) - logits(own, ids)).norm() < close * before.norm()
    kinds = {
        type(m.weight).__name__
        for m in model.model.layers[0].mlp.children()
        if hasattr(m, "weight")
    }
    assert all("Tensor" in kind for kind in kinds)


@needs_torchao
def test_groups_must_fit(tiny_model):
    with pytest.raises(CompressionError, match="torchao needs a 'group_size'"):
        compress_(tiny_model("llama"), Int4(24, backend="torchao"))


@needs_torchao
def test_torchao_does_not_know_transposed_weights(tiny_model):
    with pytest.raises(CompressionError, match=r"torchao knows torch\.nn\.Linear only"):
        compress_(tiny_model("gpt2"), Int8(backend="torchao"))


def test_what_cannot_be():
    check_backend("torchao")
    with pytest.raises(UnknownNameError, match="unknown backend 'bnb'"):
        check_backend("bnb")
    with pytest.raises(UnknownNameError, match="unknown backend"):
        DynamicInt8(backend="bnb")
    for told in ({"threshold": 5.0}, {"head": True}):
        with pytest.raises(CompressionError, match="mean nothing to backend='torchao'"):
            DynamicInt8(backend="torchao", **told)
