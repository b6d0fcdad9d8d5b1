import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.kernels.farthest import farthest_first


def brute_force(x, first, num_picks):
    """The plain twin: all distances to all picks, anew for each pick."""
    x = torch.from_numpy(x).double()
    picks, score = [first], torch.full((len(x),), np.inf, dtype=torch.double)
    for _ in range(num_picks - 1):
        nearest = torch.cdist(x, x[picks]).min(dim=1).values
        nearest[picks] = -1
        chosen = int(nearest.argmax())
        score[chosen] = nearest[chosen]
        picks.append(chosen)
    rest = [i for i in range(len(x)) if i not in picks]
    score[rest] = torch.cdist(x[rest], x[picks]).min(dim=1).values
    return picks, score


def order_of(score, num_picks):
    return np.argsort(-score, kind="stable")[:num_picks].tolist()


@pytest.mark.parametrize("num_columns", [1, 3, 64, 130, 200])
@pytest.mark.parametrize("num_picks", [1, 7, 40])
def test_against_all_distances(num_columns, num_picks):
    x = torch.randn(40, num_columns).numpy()
    picks, expected = brute_force(x, 5, num_picks)
    score = farthest_first(x, 5, num_picks)
    assert order_of(score, num_picks) == picks
    others = np.arange(40) != 5
    np.testing.assert_allclose(score[others], expected[others], rtol=1e-5)
    assert score[5] == 2 * score[others].max()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_on_a_grid_with_ties_scores_never_grow_and_cover(data):
    # Whole numbers: squared distances are exact and ties are frequent.
    size = data.draw(st.integers(1, 12))
    points = data.draw(
        st.lists(st.integers(0, 3), min_size=2 * size, max_size=2 * size)
    )
    x = np.array(points, dtype=np.float32).reshape(size, 2)
    num_picks = data.draw(st.integers(1, size))
    first = data.draw(st.integers(0, size - 1))
    picks, expected = brute_force(x, first, num_picks)
    score = farthest_first(x, first, num_picks)
    others = np.arange(size) != first
    np.testing.assert_allclose(score[others], expected[others])
    radius = np.linalg.norm(x[:, None] - x[picks], axis=2).min(axis=1).max()
    unpicked = [i for i in range(size) if i not in picks]
    assert all(score[unpicked] <= radius + 1e-6)


def test_equal_rows_are_at_distance_zero():
    x = np.full((5, 100), 0.1, dtype=np.float32)
    assert farthest_first(x, 2, 5).tolist() == [0.0] * 5


def test_one_row():
    assert farthest_first(np.ones((1, 4), np.float32), 0, 1).tolist() == [0.0]
