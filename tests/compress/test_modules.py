import pytest
import torch
from torch import nn

from graphllm.compress import FFNWidth, compress_
from graphllm.compress.blocks import find_blocks
from graphllm.compress.ffn.parts import feed_forward, narrow_
from graphllm.compress.lowrank.linear import LowRankLinear
from graphllm.compress.modules import module_table, rebuild, skeleton
from graphllm.errors import CompressionError


def test_a_skeleton_has_no_weights_but_what_is_computed(tiny_model):
    model = tiny_model("llama")
    bones = skeleton(model.config)
    assert all(each.is_meta for each in bones.parameters())
    found, expected = dict(bones.named_buffers()), dict(model.named_buffers())
    assert found.keys() == expected.keys() != set()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_the_table_names_what_differs(tiny_model, name):
    model = tiny_model(name)
    assert module_table(model) == {}
    narrow_(feed_forward(find_blocks(model)[1]), torch.arange(16))
    block = find_blocks(model)[0]
    swapped = LowRankLinear(32, 32, 4, bias=False)
    place = "self_attn.o_proj" if name == "llama" else "attn.c_proj"
    block.set_submodule(place, swapped)
    table = module_table(model)
    kinds = sorted(facts["kind"] for facts in table.values())
    plain = ["linear"] * 3 if name == "llama" else ["conv1d"] * 2
    assert kinds == sorted(["low_rank", *plain])
    for path, facts in table.items():
        module, wanted = rebuild(facts), model.get_submodule(path)
        assert type(module) is type(wanted)
        shapes = {key: value.shape for key, value in module.state_dict().items()}
        expected = {key: value.shape for key, value in wanted.state_dict().items()}
        assert shapes == expected


def test_one_width_for_all_needs_no_table(tiny_model):
    model = tiny_model("llama")
    compress_(model, FFNWidth(0.25, score="magnitude", refit=False))
    assert module_table(model) == {}


def test_what_no_file_can_name(tiny_model):
    model = tiny_model("llama")
    find_blocks(model)[0].mlp.act_fn = nn.Hardtanh()
    with pytest.raises(CompressionError, match=r"mlp.act_fn' is a Hardtanh"):
        module_table(model)
    with pytest.raises(CompressionError, match=r"unknown kind of module 'os.system'"):
        rebuild({"kind": "os.system"})
    with pytest.raises(CompressionError, match="lack or mistake 'out'"):
        rebuild({"kind": "linear", "in": 3})
