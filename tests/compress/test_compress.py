import pytest
import torch

from graphllm.compress import (
    Calibration,
    FFNSkip,
    Magnitude,
    SparseGPT,
    Wanda,
    compress_,
)
from graphllm.compress.count import count_parameters
from graphllm.errors import CompressionError

FAMILIES = ["llama", "qwen2", "mistral", "gpt2", "opt", "gpt_neox"]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("config", [Magnitude(0.5), Wanda(0.5), SparseGPT(0.5)])
def test_the_report_is_what_the_model_became(tiny_model, tiny_tokens, family, config):
    model = tiny_model(family)
    dense = {name: each.clone() for name, each in model.state_dict().items()}
    report = compress_(model, config, Calibration(tiny_tokens(8, 32)))
    after = model.state_dict()
    assert report.config == config.to_dict()
    assert report.parameters == count_parameters(model)
    buffers = sum(each.numel() * each.element_size() for each in model.buffers())
    assert report.bytes == 4 * report.parameters + buffers
    touched = set()
    for layer in report.layers:
        name = f"{layer.name}.weight"
        touched.add(name)
        assert layer.kept_parameters == int(after[name].count_nonzero())
        assert layer.sparsity == 0.5
        assert 0 < layer.error < 1
    gone = sum(each.parameters - each.kept_parameters for each in report.layers)
    assert report.kept_parameters == report.parameters - gone
    for name, weight in after.items():
        assert torch.equal(weight, dense[name]) == (name not in touched), name
    assert model(tiny_tokens()).logits.isfinite().all()


def test_applied_configurations_are_kept_in_order(tiny_model):
    model = tiny_model("llama")
    first, second = Magnitude(0.3), Magnitude(pattern="2:4")
    compress_(model, first)
    compress_(model, second)
    assert model.compression == [first.to_dict(), second.to_dict()]


def test_half_precision_is_compressed_in_its_own_dtype(tiny_model, tiny_tokens):
    model = tiny_model("llama").to(torch.bfloat16)
    report = compress_(model, SparseGPT(0.5), Calibration(tiny_tokens(8, 32)))
    assert {each.dtype for each in model.parameters()} == {torch.bfloat16}
    assert all(abs(layer.sparsity - 0.5) < 0.01 for layer in report.layers)


def test_a_weight_that_is_not_finite_is_named(tiny_model):
    model = tiny_model("llama")
    model.model.layers[2].mlp.up_proj.weight.data[3, 4] = float("nan")
    with pytest.raises(CompressionError, match=r"'model.layers.2.mlp.up_proj.weight'"):
        compress_(model, Magnitude(0.5))


@pytest.mark.parametrize(
    "config", [Wanda(0.5), SparseGPT(0.5), Magnitude(0.5, allocate="owl")]
)
def test_a_missing_calibration(tiny_model, config):
    with pytest.raises(CompressionError, match="needs a calibration"):
        compress_(tiny_model("llama"), config)


def test_a_skip_comes_last(tiny_model):
    model = tiny_model("llama")
    compress_(model, FFNSkip("static", blocks=(1,), warm_up=2))
    with pytest.raises(CompressionError, match="apply FFNSkip last"):
        compress_(model, Magnitude(0.5))
    assert [each["method"] for each in model.compression] == [FFNSkip.method]


def test_a_mixture_of_experts_is_refused(tiny_model):
    model = tiny_model("llama")
    model.model.layers[0].mlp.experts = torch.nn.Parameter(torch.ones(2, 3, 4))
    with pytest.raises(CompressionError, match=r"experts.*\(2, 3, 4\)"):
        compress_(model, Magnitude(0.5))


def test_what_is_no_configuration(tiny_model):
    with pytest.raises(CompressionError, match="'dict' is no configuration"):
        compress_(tiny_model("llama"), {"method": "wanda"})


def test_what_is_no_decoder():
    with pytest.raises(CompressionError, match="cannot find the decoder blocks"):
        compress_(torch.nn.Linear(2, 2), Magnitude(0.5))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize(
    "config", [Wanda(0.5), SparseGPT(0.5), Magnitude(0.3, scope="global")]
)
def test_a_gpu_finds_the_same(tiny_model, tiny_tokens, config):
    calibration = Calibration(tiny_tokens(8, 32))
    there = tiny_model("llama").cuda()
    report = compress_(there, config, calibration)
    reference = compress_(tiny_model("llama"), config, calibration)
    for here, each in zip(reference.layers, report.layers, strict=True):
        assert here.kept_parameters == each.kept_parameters
        assert here.error == pytest.approx(each.error, rel=0.02)
