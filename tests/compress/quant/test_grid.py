import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.compress import rtn
from graphllm.errors import CompressionError


def test_by_hand():
    # From -1 to 2 in steps of 1; 0.4 goes to 0.
    found = rtn(torch.tensor([[-1.0, 0.4, 2.0, 1.4]]), bits=2, group_size=None)
    assert found.codes.tolist() == [[0, 1, 3, 2]]
    assert (found.scale.tolist(), found.zero.tolist()) == ([[1.0]], [[1]])
    assert found.dequantize().tolist() == [[-1.0, 0.0, 2.0, 1.0]]
    # Symmetric: steps of 2 / 3 around code 4.
    found = rtn(torch.tensor([[-1.0, 0.4, 2.0, 1.4]]), 3, None, symmetric=True)
    assert found.codes.tolist() == [[2, 5, 7, 6]]
    assert found.zero is None


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 8), st.integers(0, 999), st.floats(1e-3, 1e3))
def test_each_weight_goes_to_the_nearest_point(bits, seed, size):
    random = np.random.default_rng(seed)
    weight = size * random.standard_normal((3, 12)).astype(np.float32)
    found = rtn(torch.from_numpy(weight), bits, group_size=4)
    rows = zip(
        weight.reshape(-1, 4).astype(np.float64),
        found.dequantize().numpy().reshape(-1, 4),
        found.scale.flatten().double().tolist(),
        found.zero.flatten().tolist(),
        strict=True,
    )
    for row, got, step, zero in rows:
        low, high = min(row.min(), 0.0), max(row.max(), 0.0)
        # Float16 is coarser below its smallest normal number.
        expected = (high - low) / (2**bits - 1)
        assert step == pytest.approx(expected, rel=2**-11, abs=2**-25)
        assert abs(zero + low / step) <= 0.501
        points = (np.arange(2**bits) - zero) * step
        nearest = np.abs(row[:, None] - points).min(1)
        assert np.abs(np.abs(got - row) - nearest).max() <= 1e-3 * step


@pytest.mark.parametrize("symmetric", [True, False])
def test_zero_stays_zero_and_rounding_twice_changes_nothing(symmetric):
    weight = torch.randn(5, 32)
    weight[weight.abs() < 0.7] = 0.0
    weight[0] = 0.0
    once = rtn(weight, 4, 8, symmetric).dequantize()
    assert bool((once[weight == 0] == 0).all())
    assert torch.allclose(rtn(once, 4, 8, symmetric).dequantize(), once, atol=2e-3)


def test_ragged_groups_are_those_of_each_part():
    weight = torch.randn(4, 10)
    found = rtn(weight, 4, 4, ragged=True)
    parts = [rtn(weight[:, i : i + 4], 4, None).dequantize() for i in (0, 4, 8)]
    assert torch.equal(found.dequantize(), torch.cat(parts, 1))
    assert found.scale.shape == (4, 3)


def test_bits_a_weight():
    weight = torch.randn(6, 128)
    assert rtn(weight, 4, 64).bits_per_weight() == 4 + 20 / 64
    assert rtn(weight, 4, 64, symmetric=True).bits_per_weight() == 4 + 16 / 64
    assert rtn(weight, 8, None, symmetric=True).bits_per_weight() == 8 + 16 / 128


def test_tiny_weights_and_half_precision():
    assert rtn(torch.full((2, 8), 1e-12), 4, 8).dequantize().abs().max() < 1e-6
    weight = torch.randn(3, 16).bfloat16()
    assert torch.equal(
        rtn(weight, 4, 8).dequantize(), rtn(weight.float(), 4, 8).dequantize()
    )


def test_what_cannot_be():
    weight = torch.randn(3, 36)
    with pytest.raises(CompressionError, match="64 does not divide 36 columns; use 36"):
        rtn(weight, 4, 64)
    with pytest.raises(CompressionError, match="8 does not divide 36 columns; use 6"):
        rtn(weight, 4, 8)
    with pytest.raises(CompressionError, match="'group_size' must be positive"):
        rtn(weight, 4, 0)
    for bits in (1, 9):
        with pytest.raises(CompressionError, match="'bits' must be from 2 to 8"):
            rtn(weight, bits, 12)
    with pytest.raises(CompressionError, match="too large for scales in float16"):
        rtn(weight * 1e9, 4, 12)
