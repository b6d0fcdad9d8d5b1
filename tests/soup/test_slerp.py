import math

import pytest
import torch
from scipy.spatial import geometric_slerp

from graphllm.errors import GraphLLMError
from graphllm.soup import slerp


def test_by_hand():
    a, b = {"w": torch.tensor([1.0, 0.0])}, {"w": torch.tensor([0.0, 2.0])}
    half = slerp(a, b, 0.5)["w"]
    assert half.tolist() == pytest.approx([math.sqrt(0.5), 2 * math.sqrt(0.5)])
    third = slerp(a, b, 1 / 3)["w"]
    assert third.tolist() == pytest.approx([math.cos(math.pi / 6), 2 * 0.5])


@pytest.mark.parametrize("t", [0.1, 0.5, 0.8])
def test_unit_vectors_follow_the_great_circle(t):
    a, b = (torch.randn(2, 3, dtype=torch.float64) for _ in range(2))
    a, b = a / a.norm(), b / b.norm()
    expected = geometric_slerp(a.flatten().numpy(), b.flatten().numpy(), t)
    found = slerp({"w": a}, {"w": b}, t)["w"]
    assert found.flatten().tolist() == pytest.approx(expected.tolist())


def test_each_tensor_has_its_angle_and_buffers_are_of_the_first():
    a = {"x": torch.tensor([1.0, 0.0]), "y": torch.tensor([3.0]), "n": torch.tensor(4)}
    b = {"x": torch.tensor([0.0, 1.0]), "y": torch.tensor([5.0]), "n": torch.tensor(9)}
    found = slerp(a, b, 0.5)
    assert found["y"].tolist() == [4.0]  # parallel: the straight way
    assert found["x"].norm() == pytest.approx(1.0)
    assert found["n"] == 4


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([0.0, 0.0], [2.0, 0.0], [1.0, 0.0]),
        ([1.0, 0.0], [-1.0, 0.0], [0.0, 0.0]),
        ([2.0, 4.0], [2.0, 4.0], [2.0, 4.0]),
        ([1.0, -math.inf], [3.0, -math.inf], [2.0, -math.inf]),
    ],
)
def test_the_straight_way(first, second, expected):
    found = slerp({"w": torch.tensor(first)}, {"w": torch.tensor(second)}, 0.5)
    assert found["w"].tolist() == expected


def test_ends_are_exact():
    a = {"w": torch.randn(9).half(), "n": torch.tensor(1)}
    b = {"w": torch.randn(9).half(), "n": torch.tensor(2)}
    assert all(torch.equal(slerp(a, b, 0.0)[n], a[n]) for n in a)
    assert all(torch.equal(slerp(a, b, 1.0)[n], b[n]) for n in a)
    assert slerp(a, b, 0.5)["w"].dtype == torch.float16


def test_bad_arguments():
    a = {"w": torch.ones(1)}
    with pytest.raises(GraphLLMError, match=r"'t' must be in \[0, 1\] \(got 1.5\)"):
        slerp(a, a, 1.5)
    with pytest.raises(GraphLLMError, match="'w' is"):
        slerp(a, {"w": torch.ones(2)}, 0.5)
