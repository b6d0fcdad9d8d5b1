import pytest
import torch

from graphllm.compress import (
    Calibration,
    DynamicInt8,
    DynamicLinear,
    InputStats,
    compress_,
)
from graphllm.compress.base import CompressionConfig
from graphllm.compress.quant.dynamic import outlier
from graphllm.errors import CompressionError

FAMILIES = ["llama", "qwen2", "gpt2"]


@torch.no_grad()
def logits(model, ids):
    return model(ids).logits


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("head", [True, False])
def test_nearly_the_same_model(family, head, tiny_model, tiny_tokens):
    model, ids = tiny_model(family, tie_word_embeddings=True), tiny_tokens()
    before = logits(model, ids)
    report = compress_(model, DynamicInt8(head=head))
    assert (logits(model, ids) - before).norm() < 0.15 * before.norm()
    found = sum(isinstance(each, DynamicLinear) for each in model.modules())
    assert found == len(report.layers)
    assert isinstance(model.lm_head, DynamicLinear) == head
    model.tie_weights()
    assert isinstance(model.lm_head, DynamicLinear) == head


def test_layers_with_outliers_stay_as_they_are(tiny_model, tiny_tokens):
    model, text = tiny_model("llama"), Calibration(tiny_tokens())
    # One loud channel between norm and projections of the second block.
    model.model.layers[1].input_layernorm.weight.data[3] *= 1e4
    report = compress_(model, DynamicInt8(threshold=500.0), text)
    dense = {each.name for each in report.layers if each.bits is None}
    assert dense == {f"model.layers.1.self_attn.{name}_proj" for name in "qkv"}
    for name, module in model.named_modules():
        if name in dense:
            assert type(module) is torch.nn.Linear


def test_outlier_by_hand():
    stats = InputStats(3, which=("absmax",))
    stats.update(torch.tensor([[1.0, -2.0, 50.0], [3.0, 2.0, 0.0]]))
    # Means 2, 2, 25: their median is 2, the largest input 50.
    assert outlier(stats) == 25.0


def test_what_cannot_be(tiny_model):
    with pytest.raises(CompressionError, match="threshold' needs a calibration"):
        compress_(tiny_model("llama"), DynamicInt8(threshold=10.0))
    for threshold in (0.0, -1.0, float("nan")):
        with pytest.raises(CompressionError, match="'threshold' must be positive"):
            DynamicInt8(threshold=threshold)


def test_config_as_json():
    config = DynamicInt8(200.0, head=True)
    assert CompressionConfig.from_dict(config.to_dict()) == config
