import pytest

from graphllm.compress import Calibration, LowRankLinear, UniformSVD, compress_
from graphllm.compress.base import CompressionConfig
from graphllm.errors import CompressionError, UnknownNameError


def test_every_matrix_keeps_the_same_share(tiny_model, tiny_tokens):
    model = tiny_model("llama")
    report = compress_(model, UniformSVD(0.75, whiten=True), Calibration(tiny_tokens()))
    assert sum(isinstance(each, LowRankLinear) for each in model.modules()) == 21
    for each in report.layers:
        narrow = each.name.endswith(("k_proj", "v_proj"))
        assert each.rank == (4 if narrow else 8)


def test_config_as_json():
    config = UniformSVD(0.4, "params", True)
    assert CompressionConfig.from_dict(config.to_dict()) == config
    with pytest.raises(CompressionError, match="'ratio' must be inside"):
        UniformSVD(0.0)
    with pytest.raises(UnknownNameError, match="unknown objective"):
        UniformSVD(0.5, "flops")


def test_whitening_needs_a_calibration(tiny_model):
    with pytest.raises(CompressionError, match="'uniform_svd' needs a calibration"):
        compress_(tiny_model("llama"), UniformSVD(0.5, whiten=True))
