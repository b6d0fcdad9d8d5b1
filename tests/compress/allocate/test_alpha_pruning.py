import pytest
import torch

from graphllm.compress import AlphaPruning, find_blocks, linears
from graphllm.compress.allocate import alpha_ratios
from graphllm.errors import CompressionError


def test_ratios_by_hand():
    alphas = torch.tensor([2.0, 3.0, 4.0]).double()
    # Raw 0.7, 1.0, 1.3; their mean is one.
    found = alpha_ratios(alphas, torch.ones(3).double(), 0.5, spread=0.3)
    assert found == pytest.approx([0.35, 0.50, 0.65])


def test_a_ratio_beyond_the_bound_goes_to_the_others():
    alphas = torch.tensor([2.0, 2.0, 4.0]).double()
    # Raw 0.7, 0.7, 1.3 times 0.8 / 0.9 would be 1.16 for the last.
    found = alpha_ratios(alphas, torch.ones(3).double(), 0.8, spread=0.3)
    assert found == pytest.approx([0.725, 0.725, 0.95])


def test_equal_blocks_get_the_ratio_itself():
    assert alpha_ratios(torch.full((3,), 4.0), torch.ones(3), 0.6) == [0.6] * 3


@pytest.mark.parametrize("fixed_aspect", [False, True])
def test_a_block_with_a_heavy_tail_is_pruned_less(tiny_model, fixed_aspect):
    model = tiny_model("llama")
    with torch.no_grad():
        for linear in linears(find_blocks(model)[1]).values():
            rows, columns = linear.weight.shape
            linear.weight += torch.randn(rows, 4) @ torch.randn(4, columns)
    ratios = AlphaPruning(fixed_aspect=fixed_aspect).ratios(model, 0.7)
    assert ratios[1] == min(ratios)
    assert sum(ratios) / 3 == pytest.approx(0.7, abs=1e-9)
    assert all(0 <= each <= 0.95 for each in ratios)


def test_the_spread_is_checked():
    with pytest.raises(CompressionError, match="'spread' must be in"):
        AlphaPruning(spread=1.0)
