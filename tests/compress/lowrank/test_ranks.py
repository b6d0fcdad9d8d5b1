import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.compress import uniform_ranks, welore_ranks
from graphllm.errors import CompressionError, UnknownNameError

SHAPES = [(48, 48), (16, 48), (96, 48), (48, 96)] * 4


def spectra(shapes, seed=0):
    """Singular values that fall at another speed in each matrix."""
    random = torch.Generator().manual_seed(seed)
    found = []
    for shape in shapes:
        decay = 0.5 + 6 * torch.rand(1, generator=random)
        values = torch.exp(-decay * torch.linspace(0, 1, min(shape)))
        noise = 0.02 * torch.rand(min(shape), generator=random)
        found.append((values + noise).sort(descending=True).values)
    return found


def weights(ranks, shapes):
    return sum(min(r * (m + n), m * n) for r, (m, n) in zip(ranks, shapes, strict=True))


def test_one_threshold_by_hand():
    # Normalised: 1, .75, .25, 0 and 1, .1, .05, 0.
    steep = torch.tensor([11.0, 2.0, 1.5, 1.0])
    even = torch.tensor([9.0, 7.0, 3.0, 1.0])
    shapes = [(4, 4), (4, 4)]
    assert welore_ranks([even, steep], shapes, 0.5, only_lrc=False) == [3, 1]
    # Three of four is no low-rank matrix and stays dense, one of four is.
    assert welore_ranks([even, steep], shapes, 0.5) == [4, 1]


@settings(max_examples=20, deadline=None)
@given(st.floats(0.05, 0.8), st.integers(0, 50))
def test_the_share_of_rank_is_met(ratio, seed):
    found = spectra(SHAPES, seed)
    ranks = welore_ranks(found, SHAPES, ratio, only_lrc=False)
    full = sum(min(shape) for shape in SHAPES)
    assert abs(sum(ranks) - (1 - ratio) * full) <= 0.5 + 1e-9
    # Below one threshold all go, above it all stay.
    normalised = [(s - s[-1]) / (s[0] - s[-1]) for s in found]
    kept = [float(s[r - 1]) for s, r in zip(normalised, ranks, strict=True)]
    gone = [float(s[r]) for s, r in zip(normalised, ranks, strict=True) if r < len(s)]
    assert min(kept) >= max(gone)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.05, 0.6), st.integers(0, 50))
def test_the_share_of_weights_is_met(ratio, seed):
    ranks = welore_ranks(spectra(SHAPES, seed), SHAPES, ratio, "params", False)
    total = sum(m * n for m, n in SHAPES)
    assert weights(ranks, SHAPES) <= round((1 - ratio) * total)
    # Less than one more value of the largest matrix would still fit.
    assert weights(ranks, SHAPES) >= (1 - ratio) * total - 150
    for rank, (m, n) in zip(ranks, SHAPES, strict=True):
        assert rank * (m + n) < m * n or rank == min(m, n)


def test_low_rank_matrices_alone_meet_the_share_of_weights_too():
    found = spectra(SHAPES)
    ranks = welore_ranks(found, SHAPES, 0.3, "params")
    total = sum(m * n for m, n in SHAPES)
    assert abs(weights(ranks, SHAPES) - 0.7 * total) < 0.01 * total
    for rank, shape in zip(ranks, SHAPES, strict=True):
        assert rank < 0.5 * min(shape) or rank == min(shape)


def test_a_flat_spectrum_is_the_last_to_go():
    flat, falling = torch.ones(8), torch.linspace(8, 1, 8)
    shapes = [(8, 8), (8, 8)]
    assert welore_ranks([flat, falling], shapes, 0.25, only_lrc=False) == [8, 4]


def test_uniform_by_hand():
    assert uniform_ranks([(8, 8), (4, 12)], 0.25) == [6, 3]
    assert uniform_ranks([(8, 8), (4, 12)], 0.25, "params") == [3, 2]
    assert uniform_ranks([(8, 8)], 0.999) == [1]


def test_what_cannot_be():
    found = spectra(SHAPES)
    for ratio in (0.0, 1.0, -0.5, float("nan")):
        with pytest.raises(CompressionError, match="'ratio' must be inside"):
            welore_ranks(found, SHAPES, ratio)
        with pytest.raises(CompressionError, match="'ratio' must be inside"):
            uniform_ranks(SHAPES, ratio)
    with pytest.raises(UnknownNameError, match="unknown objective 'size'"):
        welore_ranks(found, SHAPES, 0.5, "size")
    with pytest.raises(CompressionError, match="less than one singular value"):
        welore_ranks(found, SHAPES, 0.999, "params")
