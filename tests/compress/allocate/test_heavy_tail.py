import pytest
import torch

from graphllm.compress.allocate import hill_alpha, spectrum


@pytest.mark.parametrize("shape", [(6, 10), (10, 6), (7, 7)])
def test_the_spectrum_is_that_of_the_singular_values(shape):
    weight = torch.randn(shape)
    expected = torch.linalg.svdvals(weight.double()).square().sort().values
    assert torch.allclose(spectrum(weight), expected)


@pytest.mark.parametrize("shape", [(4, 10), (10, 4)])
def test_square_windows_cover_the_longer_side(shape):
    weight = torch.randn(shape).double()
    wide = weight if shape[0] < shape[1] else weight.T
    windows = [wide[:, start : start + 4] for start in (0, 3, 6)]
    expected = torch.cat([torch.linalg.svdvals(each).square() for each in windows])
    assert torch.allclose(spectrum(weight, True), expected.sort().values)


@pytest.mark.parametrize("exponent", [2.0, 3.0, 5.0])
def test_the_exponent_of_a_power_law_is_found(exponent):
    # Quantiles of a density proportional to x^-exponent on [1, inf).
    shares = (torch.arange(1000).double() + 0.5) / 1000
    values = (1 - shares) ** (-1 / (exponent - 1))
    assert hill_alpha(values) == pytest.approx(exponent, rel=0.1)


def test_by_hand_where_one_candidate_is_left():
    # The peak is the bin of 1, with three values; from 1 on there are five above.
    values = torch.tensor([0.01, 1.0, 1.0, 1.0, 10.0, 100.0]).double()
    tails = [1 + 4 / (torch.tensor([1.0, 1, 10, 100]).log().sum())]
    tails += [1 + 3 / torch.tensor([1.0, 10, 100]).log().sum()]
    tails += [1 + 2 / torch.tensor([10.0, 100]).log().sum()]
    found = hill_alpha(values)
    assert min(abs(found - float(each)) for each in tails) < 1e-6


def test_the_exponent_does_not_depend_on_the_scale():
    values = spectrum(torch.randn(40, 60))
    assert hill_alpha(values * 1000) == pytest.approx(hill_alpha(values))


def test_heavier_tails_have_smaller_exponents():
    noise = torch.randn(64, 64)
    heavy = noise + 3 * torch.randn(64, 6) @ torch.randn(6, 64)
    assert hill_alpha(spectrum(heavy)) < hill_alpha(spectrum(noise))


@pytest.mark.parametrize("values", [[1.0] * 9, [0.0] * 5, [2.0], [1.0, 2.0]])
def test_where_there_is_no_tail(values):
    assert hill_alpha(torch.tensor(values)) == 0.0
