import math

import torch

from graphllm.sparsify.soft_votes import soft_vote, thresholds


def test_thresholds_lie_midway():
    score = torch.tensor([[5.0], [1.0], [3.0], [2.0], [7.0], [0.5]])
    kept = torch.tensor([[1], [0], [1], [1], [0], [0]]).bool()
    row = torch.tensor([0, 0, 0, 1, 2, 2])
    line = thresholds(score, kept, row, 3)
    # Row 0: between 3 and 1. Row 1 keeps all, row 2 nothing.
    assert line.view(-1).tolist() == [2.0, -math.inf, math.inf]


def test_soft_votes_by_hand():
    margin = torch.tensor([[0.0, 2.0], [-1.0, math.inf], [-math.inf, 0.5]])
    gate = torch.tensor([[0.25, 0.75], [0.5, 0.5]])
    row = torch.tensor([0, 1, 0])

    def sigmoid(value):
        return 1 / (1 + math.exp(-value))

    vote = soft_vote(margin, gate, row, temperature=0.5)
    expected = [
        0.25 * 0.5 + 0.75 * sigmoid(4.0),
        0.5 * sigmoid(-2.0) + 0.5,
        0.75 * sigmoid(1.0),
    ]
    torch.testing.assert_close(vote, torch.tensor(expected))


def test_rows_without_a_choice_have_no_gradient():
    score = torch.tensor([[1.0], [2.0], [4.0]], requires_grad=True)
    kept = torch.tensor([[1], [0], [1]]).bool()
    row = torch.tensor([0, 1, 1])
    line = thresholds(score, kept, row, 2)
    assert not line.requires_grad
    soft_vote(score - line[row], torch.ones(2, 1), row, 0.1).sum().backward()
    assert float(score.grad[0]) == 0.0
    assert bool((score.grad[1:] > 0).all())
