from itertools import combinations

import pytest
import torch

from graphllm.compress.blocks import find_blocks, weight_of
from graphllm.compress.ffn.parts import feed_forward
from graphllm.compress.ffn.scores import (
    activation_scores,
    damped,
    magnitude_scores,
    reconstruction_order,
    refit,
    sensitivity_scores,
)
from graphllm.errors import CompressionError


def problem(n=6, d=4, rows=50):
    x = torch.randn(rows, n, dtype=torch.float64) @ torch.randn(n, n).double()
    return x, torch.randn(d, n)


def test_magnitude_and_activation_by_hand():
    gate = torch.tensor([[3.0, 0.0], [0.0, 0.0]])
    down = torch.tensor([[0.0, 1.0], [4.0, 0.0]])
    assert magnitude_scores([gate], down).tolist() == [5.0, 1.0]
    found = activation_scores(torch.tensor([0.5, 7.0]), down)
    assert found.tolist() == [2.0, 7.0]


def test_refit_is_least_squares():
    x, down = problem()
    keep = torch.tensor([0, 2, 5])
    target = x @ down.double().T
    expected = torch.linalg.lstsq(x[:, keep], target).solution.T
    assert torch.allclose(refit(down, x.T @ x, keep), expected, atol=1e-8)


def test_reconstruction_takes_the_cheapest_channel_each_time():
    x, down = problem()
    hessian = x.T @ x

    def error(gone):
        keep = torch.tensor([j for j in range(6) if j not in gone])
        rest = x @ down.double().T - x[:, keep] @ refit(down, hessian, keep).T
        return float(rest.square().sum())

    expected = []
    for _ in range(3):
        left = [j for j in range(6) if j not in expected]
        expected.append(min(left, key=lambda j: error([*expected, j])))
    assert reconstruction_order(down, hessian, 3).tolist() == expected
    # Greedy need not be the best set, but no single one is better than its first.
    assert error(expected[:1]) == min(error(each) for each in combinations(range(6), 1))


def test_many_channels_go_in_128_rounds():
    x, down = problem(n=300, rows=900)
    order = reconstruction_order(down, x.T @ x, 260)
    assert len(order.unique()) == 260


def test_sensitivity_is_the_slope_of_the_loss(tiny_model, tiny_tokens):
    model, ids = tiny_model("llama"), tiny_tokens(2, 8)
    found = sensitivity_scores(model, ids)
    assert len(found) == 3
    assert all(each.grad is None and each.requires_grad for each in model.parameters())
    # A step that scales channel 5 of block 1 in each sequence, by central differences.
    down = weight_of(feed_forward(find_blocks(model)[1]).down)
    slopes = []
    for row in ids:
        losses = []
        for factor in (1.01, 0.99):
            column = down[:, 5].clone()
            down[:, 5] *= factor
            with torch.no_grad():
                losses.append(float(model(input_ids=row[None], labels=row[None]).loss))
            down[:, 5] = column
        slopes.append(abs(losses[0] - losses[1]) / 0.02)
    expected = sum(slopes) / 2
    assert float(found[1][5]) == pytest.approx(expected, rel=0.02, abs=1e-4)


def test_a_dead_channel_and_a_singular_hessian():
    hessian = torch.diag(torch.tensor([4.0, 0.0, 1.0], dtype=torch.float64))
    found = damped(hessian, 0.5).diagonal()
    assert found.tolist() == [6.0, 1e-6, 1.5]
    bad = torch.ones(3, 3, dtype=torch.float64) - torch.eye(3, dtype=torch.float64)
    with pytest.raises(CompressionError, match="linearly dependent"):
        refit(torch.ones(2, 3), bad, torch.tensor([0, 1]))
    with pytest.raises(CompressionError, match="linearly dependent"):
        reconstruction_order(torch.ones(2, 3), bad, 1)
