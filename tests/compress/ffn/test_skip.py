import copy

import pytest
import torch

from graphllm.compress import Calibration, compress_
from graphllm.compress.ffn.skip import FFNSkip, apply, attach, detach
from graphllm.compress.ffn.skipper import SkipPlan
from graphllm.compress.perplexity import read
from graphllm.errors import CompressionError


def quiet(model, cosine_of):
    """Scale what each feed-forward layer adds, so that their cosines are ordered."""
    for block, size in zip(model.base_model.layers, cosine_of, strict=True):
        with torch.no_grad():
            block.mlp.down_proj.weight *= size
    return model


def test_cold_ends_and_static_lists_are_measured(tiny_model, tiny_tokens):
    model = tiny_model("llama", num_hidden_layers=5)
    quiet(model, [30.0, 0.01, 0.0001, 0.001, 30.0])
    text = Calibration(tiny_tokens(4, 40))
    report = compress_(model, FFNSkip(), text)
    assert model.ffn_skip.plan.blocks == (1, 2, 3)
    assert [each.name for each in report.layers] == [
        f"model.layers.{index}.mlp" for index in (1, 2, 3)
    ]
    assert report.parameters == report.kept_parameters
    apply(model, FFNSkip("static", ratio=0.4), text)
    assert model.ffn_skip.plan.blocks == (2, 3)
    apply(model, FFNSkip(cold_start=0, cold_end=3))
    assert model.ffn_skip.plan.blocks == (0, 1)
    # With both ends given, no layer need be warm for a list to be measured.
    ends = {"cold_start": 2, "cold_end": 1, "cold_below": 1.5}
    apply(model, FFNSkip("static", ratio=0.2, **ends), text)
    assert model.ffn_skip.plan.blocks == (2,)
    with pytest.raises(CompressionError, match="reaches a mean cosine"):
        apply(model, FFNSkip("static", ratio=0.2, cold_below=1.5), text)


@pytest.mark.parametrize("name", ["llama", "gpt2", "opt", "gpt_neox"])
def test_detaching_gives_the_model_back(tiny_model, tiny_tokens, name):
    model, ids = tiny_model(name), tiny_tokens(1, 8)[0]
    dense, classes = read(model, ids), [type(each) for each in model.modules()]
    names = list(model.state_dict())
    apply(model, FFNSkip("static", blocks=(0, 1), warm_up=0))
    assert list(model.state_dict()) == names
    assert not torch.allclose(read(model, ids), dense)
    detach(model)
    assert torch.equal(read(model, ids), dense)
    assert [type(each) for each in model.modules()] == classes
    detach(model)


def test_a_copy_skips_on_its_own(tiny_model, tiny_tokens):
    model, ids = tiny_model("llama"), tiny_tokens(1, 8)[0]
    apply(model, FFNSkip("static", blocks=(1,), warm_up=0))
    expected = read(model, ids)
    other = copy.deepcopy(model)
    model.ffn_skip.reset()
    assert torch.equal(read(other, ids), expected)
    assert model.ffn_skip.share == 0
    detach(other)
    assert not torch.allclose(read(other, ids), expected)
    assert torch.equal(read(model, ids), expected)


def test_what_cannot_be_skipped(tiny_model, tiny_tokens):
    model = tiny_model("llama")
    with pytest.raises(CompressionError, match="needs a calibration"):
        apply(model, FFNSkip())
    with pytest.raises(CompressionError, match="lower 'cold_below'"):
        apply(model, FFNSkip(cold_below=2.0), Calibration(tiny_tokens()))
    with pytest.raises(CompressionError, match="nothing is left to skip"):
        apply(model, FFNSkip(cold_start=2, cold_end=1))
    with pytest.raises(CompressionError, match="for another model"):
        attach(model, SkipPlan("static", (7,), 0.5, 1, 0, "residual"))
    late = tiny_model("opt", do_layer_norm_before=False)
    with pytest.raises(CompressionError, match="normalise after"):
        apply(late, FFNSkip("static", blocks=(1,)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "often"}, "must be 'dynamic'"),
        ({"blocks": (1,)}, "takes neither"),
        ({"mode": "static"}, "either 'blocks' or 'ratio'"),
        ({"cosine": "both"}, "'cosine' must be"),
        ({"k": 0}, "must be positive"),
        ({"warm_up": -1}, "must not be negative"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(CompressionError, match=message):
        FFNSkip(**options)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (FFNSkip(), "calibration"),
        (FFNSkip("static", blocks=(7,)), "must be below"),
        (FFNSkip(cold_start=2, cold_end=1), "nothing is left to skip"),
    ],
)
def test_a_plan_that_cannot_be_leaves_the_one_before(
    tiny_model, tiny_tokens, config, said
):
    model, ids = tiny_model("llama"), tiny_tokens()
    compress_(model, FFNSkip("static", blocks=(1,), warm_up=0))
    plan, before = model.ffn_skip.plan, model(input_ids=ids).logits
    with pytest.raises(CompressionError, match=said):
        compress_(model, config)
    assert model.ffn_skip.plan == plan
    assert torch.equal(model(input_ids=ids).logits, before)
    assert len(model.compression) == 1
