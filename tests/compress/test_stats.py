import pytest
import torch

from graphllm.compress.stats import InputStats, weight_error
from graphllm.errors import CompressionError

ALL = ("norm", "absmax", "hessian")


def test_sums_are_those_of_all_chunks():
    x = torch.randn(3, 10, 4)
    stats = InputStats(4, ALL)
    for chunk in x.split(2):
        stats.update(chunk)
    rows = x.view(-1, 4).double()
    assert stats.count == 30
    assert torch.allclose(stats.norm, rows.norm(dim=0))
    assert torch.allclose(stats.mean_abs, rows.abs().mean(0))
    assert torch.equal(stats.max_abs, rows.abs().amax(0))
    assert torch.allclose(stats.hessian, rows.T @ rows)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_inputs_are_not_changed(dtype):
    x = torch.tensor([[-3.0, 256.0], [1.0, 1.0]], dtype=dtype)
    before = x.clone()
    stats = InputStats(2, ALL)
    stats.update(x)
    assert torch.equal(x, before)
    assert stats.sum_squares.tolist() == [10.0, 65537.0]  # more than bfloat16 holds


def test_the_norm_comes_from_the_hessian_too():
    x = torch.randn(6, 3)
    whole = InputStats(3, ("hessian",))
    whole.update(x)
    assert torch.allclose(whole.norm, x.double().norm(dim=0))


def test_the_error_is_that_of_the_output():
    x, dense, changed = torch.randn(20, 4), torch.randn(5, 4), torch.randn(5, 4)
    stats = InputStats(4, ("hessian",))
    stats.update(x)
    expected = ((dense - changed) @ x.T).norm() / (dense @ x.T).norm()
    assert stats.error(dense, changed) == pytest.approx(float(expected), rel=1e-5)
    only_norms = InputStats(4)
    only_norms.update(x)
    scaled = ((dense - changed) * only_norms.norm).norm()
    expected = scaled / (dense * only_norms.norm).norm()
    assert only_norms.error(dense, changed) == pytest.approx(float(expected), rel=1e-5)
    assert stats.error(dense, dense) == 0.0
    expected = (dense - changed).norm() / dense.norm()
    assert weight_error(dense, changed) == pytest.approx(float(expected), rel=1e-5)


def test_a_zero_layer_has_no_error():
    zero = torch.zeros(2, 3)
    stats = InputStats(3)
    stats.update(torch.randn(4, 3))
    assert stats.error(zero, zero) == weight_error(zero, zero) == 0.0


def test_what_is_not_finite_shows():
    for which in ALL:
        stats = InputStats(2, (which,))
        stats.update(torch.ones(1, 2))
        assert stats.is_finite()
        stats.update(torch.tensor([[1.0, float("inf")]]))
        assert not stats.is_finite()


def test_what_was_not_collected_is_refused():
    with pytest.raises(CompressionError, match="'hessian' was not collected"):
        _ = InputStats(2).hessian
    with pytest.raises(CompressionError, match="'absmax' was not collected"):
        _ = InputStats(2).mean_abs
    with pytest.raises(CompressionError, match="unknown statistic 'variance'"):
        InputStats(2, ("norm", "variance"))
