import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.compress import Uniform
from graphllm.compress.allocate.base import block_sizes, check_spread, meet
from graphllm.errors import CompressionError


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0.01, 3), st.integers(1, 1000)), min_size=1, max_size=9
    ),
    st.floats(0.01, 0.99),
    st.booleans(),
)
def test_the_target_is_met_whatever_is_cut_off(blocks, ratio, shifted):
    raw = torch.tensor([each for each, _ in blocks]).double()
    sizes = torch.tensor([each for _, each in blocks]).double()
    found = torch.tensor(
        meet((lambda t: t + raw) if shifted else (lambda t: t * raw), sizes, ratio),
        dtype=torch.float64,
    )
    assert found.min() >= 0
    assert found.max() <= max(0.95, (1 + ratio) / 2)
    assert (found * sizes).sum() / sizes.sum() == pytest.approx(ratio, abs=1e-9)


def test_by_hand_with_a_block_at_the_bound():
    found = meet(lambda t: t * torch.tensor([1.0, 10.0]), torch.tensor([1.0, 1.0]), 0.6)
    assert found == pytest.approx([0.25, 0.95])


def test_sizes_and_uniform_ratios(tiny_model):
    model = tiny_model("llama")
    # q and o are 32 x 32, k and v 16 x 32, three of 64 x 32.
    assert block_sizes(model).tolist() == [2 * 1024 + 2 * 512 + 3 * 2048] * 3
    assert Uniform().ratios(model, 0.3) == [0.3] * 3


@pytest.mark.parametrize("spread", [-0.1, 1.0, float("nan")])
def test_the_spread_is_checked(spread):
    with pytest.raises(CompressionError, match=r"'spread' must be in \[0, 1\)"):
        check_spread(spread)
