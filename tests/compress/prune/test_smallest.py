import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.compress.prune.smallest import removed, smallest


def brute_force(values, count):
    """Positions of the smallest, of equal ones the first."""
    order = sorted(range(len(values)), key=lambda i: (values[i], i))
    return set(order[:count])


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 5), st.integers(1, 12), st.integers(0, 12), st.integers(0, 1000))
def test_exact_counts_whatever_the_ties(rows, columns, count, seed):
    count = min(count, columns)
    random = torch.Generator().manual_seed(seed)
    scores = torch.randint(-2, 2, (rows, columns), generator=random).float()
    marked = smallest(scores, count)
    for row in range(rows):
        found = set(marked[row].nonzero().flatten().tolist())
        assert found == brute_force(scores[row].tolist(), count)


def test_counts_are_those_of_the_decimal_number():
    assert removed(0.29, 100) == 29  # 28.999999999999996 in binary
    assert removed(0.5, 7) == 3
    assert removed(0.999, 10) == 9
