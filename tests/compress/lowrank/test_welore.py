import pytest
import torch

from graphllm.compress import Calibration, LowRankLinear, WeLore, compress_
from graphllm.compress.base import CompressionConfig
from graphllm.errors import CompressionError, UnknownNameError


def make_low_rank(model, names, rank):
    """Give some matrices a spectrum of few large values."""
    for name, each in model.named_modules():
        if name.endswith(names):
            u, s, vt = torch.linalg.svd(each.weight.detach(), full_matrices=False)
            s[rank:] *= 1e-3
            each.weight.data = (u * s) @ vt


@pytest.mark.parametrize("whiten", [True, False])
def test_it_finds_the_low_rank_matrices(whiten, tiny_model, tiny_tokens):
    model, ids = tiny_model("llama"), tiny_tokens()
    make_low_rank(model, ("q_proj", "gate_proj"), 3)
    with torch.no_grad():
        before = model(ids).logits
    # Of 7 matrices of rank 32 (twice 16) two keep 3: 58 of 192 values are too many.
    report = compress_(model, WeLore(0.3, whiten=whiten), Calibration(ids))
    small = {n for n, m in model.named_modules() if isinstance(m, LowRankLinear)}
    assert {name.rpartition(".")[2] for name in small} == {"q_proj", "gate_proj"}
    assert len(small) == 6
    with torch.no_grad():
        assert torch.allclose(model(ids).logits, before, atol=0.1)
    assert report.kept_parameters < report.parameters


def test_without_whitening_nothing_is_calibrated(tiny_model):
    compress_(tiny_model("llama"), WeLore(0.3, whiten=False))
    with pytest.raises(CompressionError, match="'welore' needs a calibration"):
        compress_(tiny_model("llama"), WeLore(0.3))


def test_config_as_json():
    config = WeLore(0.4, "params", False, False)
    assert CompressionConfig.from_dict(config.to_dict()) == config
    with pytest.raises(CompressionError, match="'ratio' must be inside"):
        WeLore(1.0)
    with pytest.raises(UnknownNameError, match="unknown objective"):
        WeLore(0.5, "flops")
