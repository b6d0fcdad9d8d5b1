import copy

import pytest
import torch
from transformers import AutoModelForCausalLM

from graphllm.compress import (
    Calibration,
    LowRankLinear,
    UniformSVD,
    WeLore,
    compress_,
    linears,
    merge,
    save,
)
from graphllm.compress.lowrank.reduce import reduce_, weights

FAMILIES = ["llama", "qwen2", "gpt2", "opt"]


@torch.no_grad()
def logits(model, ids):
    return model(ids).logits


@pytest.mark.parametrize("family", FAMILIES)
def test_full_rank_changes_nothing_and_low_rank_saves(family, tiny_model, tiny_tokens):
    model, ids = tiny_model(family), tiny_tokens()
    before = logits(model, ids)
    found = weights(model)
    whole = reduce_(model, {key: 10**6 for key in found}, Calibration(ids))
    assert torch.equal(logits(model, ids), before)
    assert all(each.kept_parameters == each.parameters for each in whole)
    reports = reduce_(model, dict.fromkeys(found, 4), Calibration(ids))
    small = [each for each in model.modules() if isinstance(each, LowRankLinear)]
    assert len(small) == len(found) == len(reports)
    for each, report in zip(small, reports, strict=True):
        assert report.rank == each.rank == 4
        assert report.kept_parameters == 4 * (each.in_features + each.out_features)
        assert 0.0 < report.error < 1.0


def test_where_factors_are_larger_the_product_is_stored(tiny_model, tiny_tokens):
    model = tiny_model("llama")
    found = weights(model)
    dense = {key: each.weight.clone() for key, each in found.items()}
    reports = reduce_(model, {key: min(dense[key].shape) - 1 for key in found})
    assert not any(isinstance(each, LowRankLinear) for each in model.modules())
    for key, each in weights(model).items():
        spectrum = torch.linalg.svdvals(each.weight.detach())
        assert spectrum[-1] < 1e-5 * spectrum[0]
        assert not torch.equal(each.weight, dense[key])
    assert all(each.kept_parameters == each.parameters for each in reports)


def test_whitening_keeps_outputs_better(tiny_model, tiny_tokens):
    ids = tiny_tokens(16, 32)
    ranks = dict.fromkeys(weights(tiny_model("llama")), 6)
    error = {}
    for text in (None, Calibration(ids)):
        model = tiny_model("llama")
        before = logits(model, ids)
        reduce_(model, ranks, text)
        error[text is None] = (logits(model, ids) - before).norm()
    assert error[False] < error[True]


def test_merge_gives_the_same_model_back(tiny_model, tiny_tokens):
    model, ids = tiny_model("gpt2"), tiny_tokens()
    reduce_(model, dict.fromkeys(weights(model), 4))
    small = logits(model, ids)
    assert merge(model) is model
    assert not any(isinstance(each, LowRankLinear) for each in model.modules())
    assert torch.allclose(logits(model, ids), small, atol=1e-5)


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_what_is_merged_is_read_by_plain_transformers(
    family, tiny_model, tiny_tokens, tmp_path
):
    model, ids = tiny_model(family), tiny_tokens()
    reduce_(model, dict.fromkeys(weights(model), 4))
    merge(model)
    save(model, tmp_path / "merged")
    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
    assert torch.equal(logits(plain.eval(), ids), logits(model, ids))


def test_factors_can_be_compressed_again(tiny_model, tiny_tokens):
    model = tiny_model("llama")
    reduce_(model, dict.fromkeys(weights(model), 4))
    names = linears(model.model.layers[0])
    assert "self_attn.q_proj.down" in names
    assert "self_attn.q_proj.up" in names


@pytest.mark.parametrize(
    "config", [WeLore(0.6, "params", only_lrc=False), UniformSVD(0.6, "params")]
)
def test_the_report_counts_what_is_held(config, tiny_model, tiny_tokens):
    model = tiny_model("llama")
    dense = copy.deepcopy(model)
    steps = []
    report = compress_(
        model, config, Calibration(tiny_tokens()), progress=lambda *at: steps.append(at)
    )
    assert report.kept_parameters == sum(each.numel() for each in model.parameters())
    blocks = sum(each.weight.numel() for each in weights(dense).values())
    gone = report.parameters - report.kept_parameters
    assert gone == pytest.approx(0.6 * blocks, rel=0.05)
    assert steps == [(1, 3), (2, 3), (3, 3)]
