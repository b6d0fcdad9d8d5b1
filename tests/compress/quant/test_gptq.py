import numpy as np
import pytest
import torch

from graphllm.compress import gptq, rtn
from graphllm.errors import CompressionError


def correlated(channels, rows=300, seed=0):
    random = torch.Generator().manual_seed(seed)
    mixing = torch.randn(channels, channels, generator=random)
    return torch.randn(rows, channels, generator=random) @ mixing


def moved(weight, found, x):
    return float(((found.dequantize() - weight) @ x.T).square().sum())


def one_by_one(weight, hessian, found, damping):
    """Optimal brain quantisation as in the derivation: a fresh inverse each column."""
    weight = weight.astype(np.float64).copy()
    hessian = hessian.astype(np.float64)
    hessian += damping * np.diag(hessian).mean() * np.eye(len(hessian))
    grids = found.scale.double().numpy(), found.zero.double().numpy()
    codes = np.empty_like(weight)
    for j in range(weight.shape[1]):
        group = j // found.group_size
        scale, zero = grids[0][:, group], grids[1][:, group]
        codes[:, j] = np.clip(np.round(weight[:, j] / scale) + zero, 0, 15)
        inverse = np.linalg.inv(hessian[j:, j:])
        error = (weight[:, j] - (codes[:, j] - zero) * scale) / inverse[0, 0]
        weight[:, j:] -= np.outer(error, inverse[0])
    return codes


@pytest.mark.parametrize("block", [8, 128])
def test_against_inverting_anew_for_each_column(block):
    weight, x = torch.randn(5, 24), correlated(24)
    hessian = x.T @ x
    # One group: its grid is that of the dense weight in both.
    found = gptq(weight, hessian, 4, None, block=block)
    assert torch.equal(found.scale, rtn(weight, 4, None).scale)
    expected = one_by_one(weight.numpy(), hessian.numpy(), found, 0.01)
    assert np.array_equal(found.codes.numpy(), expected)


def test_grids_of_later_groups_are_set_by_corrected_weights():
    weight, x = torch.randn(5, 24), correlated(24)
    hessian = x.T @ x
    found = gptq(weight, hessian, 4, 8, block=16)
    expected = one_by_one(weight.numpy(), hessian.numpy(), found, 0.01)
    assert np.array_equal(found.codes.numpy(), expected)
    dense = rtn(weight, 4, 8)
    assert torch.equal(found.scale[:, 0], dense.scale[:, 0])
    assert not torch.equal(found.scale[:, 1], dense.scale[:, 1])


@pytest.mark.parametrize("options", [{}, {"act_order": True}, {"symmetric": True}])
@pytest.mark.parametrize("group_size", [16, None])
def test_outputs_move_less_than_by_rounding(options, group_size):
    symmetric = options.get("symmetric", False)
    rounding, ours = 0.0, 0.0
    for seed in range(4):
        weight, x = torch.randn(12, 64), correlated(64, seed=seed)
        ours += moved(weight, gptq(weight, x.T @ x, 3, group_size, **options), x)
        rounding += moved(weight, rtn(weight, 3, group_size, symmetric), x)
    assert ours < 0.7 * rounding


def test_without_correlations_it_is_rounding():
    weight = torch.randn(6, 32)
    hessian = torch.diag(torch.rand(32) + 0.5)
    for act_order in (False, True):
        found = gptq(weight, hessian, 4, 8, act_order=act_order)
        assert torch.equal(found.codes, rtn(weight, 4, 8).codes)


def test_ragged_groups_and_silent_channels():
    weight, x = torch.randn(6, 20), correlated(20)
    x[:, 3] = 0.0
    found = gptq(weight, x.T @ x, 4, 8, ragged=True)
    assert found.scale.shape == (6, 3)
    assert moved(weight, found, x) < moved(weight, rtn(weight, 4, 8, ragged=True), x)
    # Not set to zero: it may speak up one day.
    assert (found.dequantize()[:, 3] - weight[:, 3]).abs().max() < 0.3


def test_what_cannot_be():
    with pytest.raises(CompressionError, match="does not divide"):
        gptq(torch.randn(2, 20), torch.eye(20), 4, 8)
    broken = torch.full((8, 8), float("nan"))
    with pytest.raises(CompressionError, match="Hessian"):
        gptq(torch.randn(2, 8), broken, 4, 8)
