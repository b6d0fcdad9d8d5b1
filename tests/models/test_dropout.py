import pytest
import torch

from graphllm.models.dropout import Dropout


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_drops_that_share_and_keeps_the_mean(p):
    out = Dropout(p)(torch.ones(400, 500))
    dropped = float((out == 0).float().mean())
    # five standard deviations of 200,000 draws
    assert abs(dropped - p) < 5 * (p * (1 - p) / 2e5) ** 0.5
    assert torch.allclose(out[out > 0], torch.tensor(1 / (1 - p)))


def test_entries_are_dropped_on_their_own():
    out = Dropout(0.5)(torch.ones(10_000, 4)) > 0
    # of four entries served by one draw, any two agree half of the time
    for other in range(1, 4):
        agree = float((out[:, 0] == out[:, other]).float().mean())
        assert abs(agree - 0.5) < 0.03


def test_evaluation_and_zero_change_nothing_and_one_leaves_nothing():
    x = torch.randn(3, 5)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0)(x) is x
    assert not Dropout(1.0)(x).any()
    assert not Dropout(0.99999999)(x).any()


def test_the_gradient_passes_where_the_entry_did():
    x = torch.randn(7, 9, requires_grad=True)
    out = Dropout(0.25)(x)
    out.sum().backward()
    assert torch.allclose(x.grad, out.detach() / x.detach())


def test_one_seed_one_outcome():
    torch.manual_seed(3)
    first = Dropout()(torch.ones(33))
    torch.manual_seed(3)
    assert torch.equal(first, Dropout()(torch.ones(33)))
    assert not torch.equal(first, Dropout()(torch.ones(33)))


def test_an_empty_input_and_other_types():
    assert Dropout()(torch.empty(0, 4)).shape == (0, 4)
    assert Dropout()(torch.ones(4, dtype=torch.bfloat16)).dtype == torch.bfloat16
    assert "p=0.5" in repr(Dropout())


def test_no_probability():
    with pytest.raises(ValueError, match=r"'dropout' must be in \[0, 1\] \(got 1.5\)"):
        Dropout(1.5)
