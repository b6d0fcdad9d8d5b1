import numpy as np
import torch

from graphllm.sparsify.row_standardize import row_standardize


def random_rows(dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    row = torch.randint(0, 7, (60,), generator=generator)
    return torch.randn(60, 3, generator=generator, dtype=dtype), row


def test_it_is_numpys_mean_and_deviation():
    score, row = random_rows()
    result = row_standardize(3 * score + 5, row, 9)
    for node in row.unique():
        part = score[row == node].numpy()
        expected = (part - part.mean(0)) / part.std(0)
        np.testing.assert_allclose(result[row == node].numpy(), expected, atol=1e-9)


def test_single_and_constant_rows_are_zero_with_no_gradient():
    row = torch.tensor([0, 1, 1, 1, 2, 2])
    score = torch.tensor([[7.0], [0.1], [0.1], [0.1], [1.0], [3.0]], requires_grad=True)
    result = row_standardize(score, row, 4)
    torch.testing.assert_close(result.view(-1)[4:], torch.tensor([-1.0, 1.0]))
    assert result[:4].detach().tolist() == [[0.0]] * 4
    (result * torch.arange(6.0).view(-1, 1)).sum().backward()
    assert bool(score.grad.isfinite().all())
    assert score.grad[:4].tolist() == [[0.0]] * 4


def test_a_long_constant_row_is_constant_in_spite_of_rounding():
    score = torch.full((20_001, 1), 0.1)
    result = row_standardize(score, torch.zeros(20_001, dtype=torch.long), 1)
    assert float(result.abs().max()) == 0.0


def test_small_differences_count():
    score = torch.tensor([[1.0], [1.001], [1.002]])
    result = row_standardize(score, torch.zeros(3, dtype=torch.long), 1)
    expected = torch.tensor([-(1.5**0.5), 0.0, 1.5**0.5])
    torch.testing.assert_close(result.view(-1), expected, atol=1e-3, rtol=0.0)


def test_gradients():
    score, row = random_rows()
    score = score[:20].requires_grad_()
    assert torch.autograd.gradcheck(lambda s: row_standardize(s, row[:20], 7), score)


def test_no_edges():
    none = torch.zeros(0, dtype=torch.long)
    assert row_standardize(torch.zeros(0, 4), none, 3).shape == (0, 4)
