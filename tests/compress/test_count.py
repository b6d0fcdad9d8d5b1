import pytest
import torch
from torch import nn

from graphllm.compress import (
    RTN,
    Calibration,
    DropBlocks,
    FFNWidth,
    Int4,
    Int8,
    Magnitude,
    Wanda,
    compress_,
    load,
    save,
)
from graphllm.compress.blocks import find_blocks, linears
from graphllm.compress.count import count_kept, count_parameters


def test_tied_parameters_count_once():
    words, head = nn.Embedding(5, 4), nn.Linear(4, 5, bias=False)
    head.weight = words.weight
    assert count_parameters(nn.ModuleList([words, head])) == 20


@pytest.mark.parametrize("family", ["llama", "gpt2", "opt", "gpt_neox"])
@pytest.mark.parametrize("config", [Int8(), Int4(group_size=16)])
def test_codes_are_weights(tiny_model, tmp_path, family, config):
    model = tiny_model(family)
    dense = count_parameters(model)
    assert dense == sum(each.numel() for each in model.parameters())
    report = compress_(model, config)
    assert count_parameters(model) == dense
    assert report.parameters == report.kept_parameters == dense
    save(model, tmp_path / "small")
    assert count_parameters(load(tmp_path / "small")) == dense


def test_zeros_of_pruning_alone(tiny_model):
    model = tiny_model("llama")
    dense = count_parameters(model)
    with torch.no_grad():
        model.model.norm.weight.zero_()  # zero, and no weight of a block
        model.model.embed_tokens.weight[0] = 0
    assert count_kept(model) == dense
    sizes = sum(
        layer.weight.numel()
        for block in find_blocks(model)
        for layer in linears(block).values()
    )
    report = compress_(model, Magnitude(0.5))
    assert report.kept_parameters == count_kept(model) == dense - sizes // 2


@pytest.mark.parametrize("then", [RTN(group_size=16), Int8()])
def test_what_was_pruned_before_stays_counted_out(tiny_model, tiny_tokens, then):
    model = tiny_model("llama")
    first = compress_(model, Wanda(0.5), Calibration(tiny_tokens(8, 32)))
    second = compress_(model, then)
    assert second.parameters == first.parameters
    # Rounding can make a few more zeros.
    assert 0.9 * first.kept_parameters < second.kept_parameters
    assert second.kept_parameters <= first.kept_parameters


def test_blocks_of_codes_are_gone_with_all_their_weights(tiny_model):
    plain, packed = tiny_model("llama"), tiny_model("llama")
    compress_(packed, Int8())
    reports = [compress_(each, DropBlocks(blocks=(0,))) for each in (plain, packed)]
    assert reports[0].kept_parameters == reports[1].kept_parameters
    assert reports[0].layers[0].parameters == reports[1].layers[0].parameters


@pytest.mark.parametrize("family", ["gpt2", "opt", "gpt_neox"])
def test_biases_that_were_cut_are_gone_too(tiny_model, tiny_tokens, family):
    model = tiny_model(family)
    report = compress_(model, FFNWidth(0.25), Calibration(tiny_tokens(8, 32)))
    assert report.kept_parameters == sum(each.numel() for each in model.parameters())
