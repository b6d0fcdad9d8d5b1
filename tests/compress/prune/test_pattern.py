import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.compress.prune import nm_mask, parse_pattern
from graphllm.errors import CompressionError


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 8), st.data())
def test_every_group_keeps_its_highest(of, data):
    keep = data.draw(st.integers(1, of - 1))
    columns = data.draw(st.integers(1, 30))
    seed = data.draw(st.integers(0, 100))
    # Few different values, so that there are ties.
    random = torch.Generator().manual_seed(seed)
    scores = torch.randint(0, 4, (3, columns), generator=random).float()
    mask = nm_mask(scores, keep, of)
    whole = columns // of * of
    assert mask[:, whole:].all()
    for row in range(3):
        for start in range(0, whole, of):
            group = scores[row, start : start + of].tolist()
            order = sorted(range(of), key=lambda i: (group[i], i))
            expected = [i not in order[: of - keep] for i in range(of)]
            assert mask[row, start : start + of].tolist() == expected


def test_n_are_kept_not_removed():
    scores = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    assert nm_mask(scores, 1, 4).tolist() == [[False, False, False, True]]
    assert parse_pattern("1:4") == (1, 4)


@pytest.mark.parametrize("pattern", ["4:2", "2:2", "0:4", "2-4", "a:b", "", "-1:4"])
def test_what_is_no_pattern(pattern):
    with pytest.raises(CompressionError, match=r"'pattern' must be 'N:M'"):
        parse_pattern(pattern)
