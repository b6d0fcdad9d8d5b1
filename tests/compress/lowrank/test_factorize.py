import numpy as np
import pytest
import torch

from graphllm.compress import factorize
from graphllm.compress.lowrank import spectrum


def inputs(channels, rows=200, seed=0):
    random = torch.Generator().manual_seed(seed)
    mixing = torch.randn(channels, channels, generator=random, dtype=torch.float64)
    return torch.randn(rows, channels, generator=random, dtype=torch.float64) @ mixing


def best_by_whitening(weight, hessian, rank):
    """Truncated SVD of W C with H = C C', and C undone: the textbook way."""
    lower = np.linalg.cholesky(hessian)
    u, s, vt = np.linalg.svd(weight @ lower, full_matrices=False)
    return (u[:, :rank] * s[:rank]) @ vt[:rank] @ np.linalg.inv(lower)


@pytest.mark.parametrize("shape", [(6, 9), (9, 6), (7, 7)])
@pytest.mark.parametrize("rank", [1, 3, 5])
def test_against_the_truncated_svd(shape, rank):
    weight = torch.randn(shape, dtype=torch.float64)
    u, s, vt = np.linalg.svd(weight.numpy(), full_matrices=False)
    up, down = factorize(weight, rank)
    assert np.allclose(
        (up @ down).numpy(), (u[:, :rank] * s[:rank]) @ vt[:rank], atol=1e-9
    )
    # The paper's factors: each takes the root of the singular values.
    assert np.allclose(up.norm(dim=0).numpy(), np.sqrt(s[:rank]))
    assert np.allclose(down.norm(dim=1).numpy(), np.sqrt(s[:rank]))


@pytest.mark.parametrize("shape", [(6, 9), (9, 6)])
def test_against_whitening(shape):
    weight = torch.randn(shape, dtype=torch.float64)
    x = inputs(shape[1])
    up, down = factorize(weight, 3, x.T @ x)
    expected = best_by_whitening(weight.numpy(), (x.T @ x).numpy(), 3)
    assert np.allclose((up @ down).numpy(), expected, atol=1e-8)
    plain = torch.matmul(*factorize(weight, 3))
    whitened = ((weight - up @ down) @ x.T).norm()
    assert whitened < ((weight - plain) @ x.T).norm()


@pytest.mark.parametrize("shape", [(6, 9), (9, 6)])
def test_full_rank_is_the_weight(shape):
    weight = torch.randn(shape)
    x = inputs(shape[1])
    for hessian in (None, x.T @ x):
        up, down = factorize(weight, 6, hessian)
        assert torch.allclose(up @ down, weight, atol=1e-5)


def test_fewer_inputs_than_channels_are_enough():
    # The Hessian has rank 2, so that rank 2 reproduces all outputs.
    weight = torch.randn(8, 8, dtype=torch.float64)
    x = inputs(8, rows=2)
    up, down = factorize(weight, 2, x.T @ x)
    assert torch.allclose(up @ (down @ x.T), weight @ x.T, atol=1e-6)


def test_a_weight_of_zeros_has_finite_factors():
    up, down = factorize(torch.zeros(4, 3), 2)
    assert (up @ down).tolist() == [[0.0] * 3] * 4
    assert spectrum(torch.zeros(4, 3)).tolist() == [0.0] * 3


def test_spectrum_by_hand():
    weight = torch.tensor([[0.0, -3.0], [2.0, 0.0], [0.0, 0.0]])
    assert torch.allclose(spectrum(weight), torch.tensor([3.0, 2.0]))
