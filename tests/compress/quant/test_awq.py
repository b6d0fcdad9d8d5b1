import itertools

import pytest
import torch

from graphllm.compress import awq, rtn
from graphllm.compress.quant.awq import _diagonal_blocks, _limits
from graphllm.compress.quant.grid import grouped
from graphllm.errors import CompressionError


def with_loud_channels(channels, loud=4, rows=200):
    x = torch.randn(rows, channels)
    x[:, :: channels // loud] *= 30.0
    return x


def moved(weight, found, x):
    return float(((found.dequantize() - weight) @ x.T).square().sum())


def test_one_step_without_clipping_is_rounding():
    weight, x = torch.randn(6, 32), with_loud_channels(32)
    found = awq(weight, x.T @ x, x.abs().mean(0), 4, 8, steps=1, clip=False)
    assert torch.equal(found.dequantize(), rtn(weight, 4, 8).dequantize())


def test_the_best_exponent_is_taken():
    weight, x = torch.randn(6, 32), with_loud_channels(32)
    mean = x.abs().mean(0)
    errors = {}
    for step in range(20):
        scale = mean ** (step / 20)
        scale = (scale / (scale.max() * scale.min()).sqrt()).half()
        rounded = rtn(weight * scale, 3, 8).dequantize() / scale.float()
        errors[step] = float(((rounded - weight) @ x.T).square().sum())
    found = awq(weight, x.T @ x, mean, 3, 8, clip=False)
    assert moved(weight, found, x) == pytest.approx(min(errors.values()), rel=1e-4)
    assert min(errors.values()) < 0.5 * errors[0]


def test_clipping_is_the_best_of_its_grid():
    weight, x = torch.randn(2, 12), with_loud_channels(12, 3)
    weight[:, 5] *= 4.0
    hessian = x.T @ x
    found = _limits(grouped(weight, 6), _diagonal_blocks(hessian, 6), 2, False)
    for row, group in itertools.product(range(2), range(2)):
        span = slice(6 * group, 6 * group + 6)
        part, seen = weight[row : row + 1, span], x[:, span]
        errors = {}
        for step in range(11):
            limit = part.abs().max() * (1 - step / 20)
            rounded = rtn(part.clamp(-limit, limit), 2, None).dequantize()
            errors[float(limit)] = float(((rounded - part) @ seen.T).square().sum())
        assert float(found[row, group]) == pytest.approx(min(errors, key=errors.get))
    assert bool((found < grouped(weight, 6).abs().amax(-1)).any())


@pytest.mark.parametrize("clip", [True, False])
@pytest.mark.parametrize("columns", [64, 60])
def test_outputs_move_less_than_by_rounding(clip, columns):
    weight, x = torch.randn(12, columns), with_loud_channels(columns)
    found = awq(
        weight, x.T @ x, x.abs().mean(0), 3, 16, ragged=True, clip=clip, steps=10
    )
    rounded = rtn(weight, 3, 16, ragged=True)
    assert moved(weight, found, x) < 0.7 * moved(weight, rounded, x)


def test_silent_channels_and_group_sizes():
    weight, x = torch.randn(4, 16), torch.randn(50, 16)
    x[:, 2] = 0.0
    found = awq(weight, x.T @ x, x.abs().mean(0), 4, 8)
    assert bool(found.dequantize().isfinite().all())
    with pytest.raises(CompressionError, match="does not divide"):
        awq(weight, x.T @ x, x.abs().mean(0), 4, 12)
