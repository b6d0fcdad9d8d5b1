import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.seed import circle, generator, seed_everything


def draw():
    return random.random(), float(np.random.rand()), float(torch.rand(()))


@pytest.mark.parametrize("seed", [0, 1, 2**32 + 5])
def test_all_three_generators_start_again(seed):
    seed_everything(seed)
    first = draw()
    second = draw()
    seed_everything(seed)
    assert draw() == first
    seed_everything(seed + 1)
    other = draw()
    for a, b, c in zip(first, second, other, strict=True):
        assert a != b
        assert a != c


def test_a_generator_is_independent_of_the_global_one():
    expected = torch.rand(3, generator=generator(5))
    state = torch.get_rng_state()
    torch.manual_seed(8)
    before = torch.get_rng_state()
    assert torch.equal(torch.rand(3, generator=generator(5)), expected)
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(torch.rand(3, generator=generator(6)), expected)
    torch.set_rng_state(state)


@given(st.integers(2, 30), st.integers(0, 5))
@settings(max_examples=20, deadline=None)
def test_a_circle_goes_through_all_and_comes_back(count, seed):
    after = circle(count, generator(seed)).tolist()
    at, seen = 0, []
    for _ in range(count):
        seen.append(at)
        at = after[at]
    assert at == 0
    assert sorted(seen) == list(range(count))
    assert circle(count, generator(seed)).tolist() == after
