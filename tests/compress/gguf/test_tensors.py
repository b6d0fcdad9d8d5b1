import numpy as np
import pytest
import torch
from gguf import dequantize

from graphllm.compress import Int8, UniformSVD, compress_
from graphllm.compress.blocks import weight_of
from graphllm.compress.gguf.tensors import dense_tensors, interleave, pack, type_of
from graphllm.errors import CompressionError


def test_rows_of_both_halves_become_neighbours():
    rows = torch.arange(8).unsqueeze(1)
    assert interleave(rows, 2).flatten().tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


def test_types_of_tensors():
    assert type_of("blk.0.attn_q.weight", (64, 64), "Q4_0") == "Q4_0"
    assert type_of("blk.0.ffn_down.weight", (64, 48), "Q4_0") == "F16"
    assert type_of("token_embd.weight", (64, 64), "Q4_0") == "Q8_0"
    assert type_of("output.weight", (64, 64), "F16") == "F16"
    assert type_of("output_norm.weight", (64,), "Q4_0") == "F32"


@pytest.mark.parametrize(
    ("dtype", "error"),
    [("F32", 0), ("F16", 1e-3), ("Q8_0", 0.01), ("Q5_0", 0.1), ("Q4_0", 0.2)],
)
def test_packing_is_undone_by_the_package(dtype, error):
    value = torch.randn(4, 64)
    value[:, ::3] = 0
    packed, kind = pack(value, dtype)
    found = dequantize(packed, kind)
    assert np.abs(found - value.numpy()).max() <= error * float(value.abs().max())
    assert (found[:, ::3] == 0).all()


def test_unknown_type():
    with pytest.raises(CompressionError, match="'Q1_0' cannot be written"):
        pack(torch.ones(2, 32), "Q1_0")


@pytest.mark.parametrize("config", [UniformSVD(0.6, whiten=False), Int8()])
@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_swapped_layers_give_the_matrices_they_stand_for(tiny_model, name, config):
    dense, model = tiny_model(name), tiny_model(name)
    compress_(model, config)
    expected = dict(dense_tensors(dense))
    found = dict(dense_tensors(model))
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert found[key].shape == value.shape
    place = "mlp.up_proj" if name == "llama" else "mlp.c_fc"
    key = next(key for key in found if key.endswith(f"{place}.weight"))
    assert key.startswith(("model.layers.0", "transformer.h.0"))
    layer = model.get_submodule(key.removesuffix(".weight"))
    assert torch.equal(found[key], weight_of(layer.to_dense()))
    assert expected[key].shape[1] == 32
