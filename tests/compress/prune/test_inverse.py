import pytest
import torch

from graphllm.compress.prune import inverse_factor
from graphllm.errors import CompressionError


def test_it_is_the_factor_of_the_damped_inverse():
    x = torch.randn(50, 8).double()
    hessian = x.T @ x
    upper = inverse_factor(hessian, damping=0.1)
    damped = hessian + 0.1 * hessian.diagonal().mean() * torch.eye(8)
    assert torch.equal(upper, upper.triu())
    assert torch.allclose(upper.T @ upper, damped.inverse())
    # The diagonal is that of the inverses of the Hessian without earlier columns.
    for column in range(8):
        rest = damped[column:, column:].inverse()
        assert torch.isclose(upper[column, column] ** 2, rest[0, 0])


def test_inputs_that_were_always_zero():
    hessian = torch.diag(torch.tensor([4.0, 0.0, 4.0]).double())
    upper = inverse_factor(hessian, damping=0.0)
    assert torch.allclose(upper, torch.diag(torch.tensor([0.5, 1.0, 0.5]).double()))
    assert hessian[1, 1] == 0  # not changed


def test_more_damping_where_too_little_does_not_do():
    x = torch.randn(2, 6).double()  # fewer samples than channels
    hessian = x.T @ x
    with_none = inverse_factor(hessian - 1e-9 * torch.eye(6), damping=0.0)
    assert with_none.isfinite().all()


def test_a_hessian_that_no_damping_mends():
    broken = torch.tensor([[1.0, 9.0], [9.0, 1.0]])
    with pytest.raises(CompressionError, match="cannot be inverted"):
        inverse_factor(broken)
