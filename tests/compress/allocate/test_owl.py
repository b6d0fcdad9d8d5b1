import pytest
import torch

from graphllm.compress import OWL, Calibration, find_blocks, linears
from graphllm.compress.allocate import outlier_share, owl_ratios
from graphllm.compress.base import CompressionConfig
from graphllm.errors import CompressionError


def test_outliers_by_hand():
    # Mean of all ten is 2, so that above 3 times the mean are 7 and 8.
    scores = [torch.tensor([[7.0, 8.0, 1.0]]), torch.tensor([1.0, 1, 1, 1, 0, 0, 0])]
    assert outlier_share(scores, 3.0) == pytest.approx(20.0)
    assert outlier_share(scores, 3.75) == pytest.approx(10.0)


def test_ratios_by_hand():
    shares = torch.tensor([0.0, 1.0, 2.0]).double()
    found = owl_ratios(shares, torch.ones(3).double(), 0.7, spread=0.08)
    assert found == pytest.approx([0.78, 0.70, 0.62])
    # Sizes 1, 1, 2: the shift changes, the differences do not.
    found = owl_ratios(shares, torch.tensor([1.0, 1, 2]).double(), 0.7)
    assert found == pytest.approx([0.80, 0.72, 0.64])


def test_equal_blocks_get_equal_ratios():
    found = owl_ratios(torch.full((4,), 2.5).double(), torch.ones(4).double(), 0.6)
    assert found == pytest.approx([0.6] * 4)


def test_a_model_with_planted_outliers(tiny_model, tiny_tokens):
    model = tiny_model("llama")
    with torch.no_grad():  # a few huge weights in the last block
        for linear in linears(find_blocks(model)[2]).values():
            linear.weight[0, :16] *= 100
    weights = {name: each.clone() for name, each in model.state_dict().items()}
    ratios = OWL().ratios(model, 0.7, Calibration(tiny_tokens()))
    assert sum(ratios) / 3 == pytest.approx(0.7, abs=1e-9)
    assert ratios[2] == min(ratios)
    assert max(ratios) - min(ratios) == pytest.approx(0.16)
    assert all(torch.equal(each, weights[n]) for n, each in model.state_dict().items())


def test_settings_are_checked():
    with pytest.raises(CompressionError, match="'outlier' must be positive"):
        OWL(outlier=0.0)
    with pytest.raises(CompressionError, match="'spread' must be in"):
        OWL(spread=-1.0)


def test_an_unknown_setting_is_named():
    stored = {"method": "wanda", "ratio": 0.5, "allocate": {"name": "owl", "M": 5}}
    with pytest.raises(CompressionError, match="'owl' has no setting 'M'"):
        CompressionConfig.from_dict(stored)
