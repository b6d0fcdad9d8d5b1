import pytest
import torch

from graphllm.errors import GraphLLMError
from graphllm.soup import loss_barrier


def point(value):
    return {"w": torch.tensor(value)}


def test_a_hill_between_two_valleys():
    # (w^2 - 1)^2 has its minima at -1 and 1, and is one at zero.
    barrier = loss_barrier(
        point(1.0), point(-1.0), lambda s: float((s["w"] ** 2 - 1) ** 2), points=5
    )
    assert barrier.alphas == (0.0, 0.25, 0.5, 0.75, 1.0)
    assert barrier.losses == (0.0, 0.5625, 1.0, 0.5625, 0.0)
    assert barrier.height == 1.0


def test_a_valley_has_none():
    barrier = loss_barrier(point(1.0), point(-1.0), lambda s: float(s["w"] ** 2))
    assert len(barrier.alphas) == 11
    assert barrier.height == 0.0


def test_it_is_measured_above_the_line_between_unequal_ends():
    # Loss |w| + w from -1 (loss 0) to 1 (loss 2) is convex: no barrier. Its negative
    # is concave; in the middle 0 against -1.
    def loss(sign):
        return lambda state: sign * float(state["w"].abs() + state["w"])

    assert loss_barrier(point(1.0), point(-1.0), loss(1)).height == 0.0
    assert loss_barrier(point(1.0), point(-1.0), loss(-1)).height == pytest.approx(1.0)
    assert loss_barrier(point(-1.0), point(1.0), loss(-1)).height == pytest.approx(1.0)


def test_bad_arguments():
    with pytest.raises(GraphLLMError, match=r"'points' must be >= 3 \(got 2\)"):
        loss_barrier(point(1.0), point(1.0), float, points=2)
    with pytest.raises(GraphLLMError, match="lacks 'w'"):
        loss_barrier(point(1.0), {"v": torch.ones(1)}, float)
