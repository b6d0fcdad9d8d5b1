import pytest
import torch

from graphllm.compress import Calibration, SparseGPT, compress_, linears
from graphllm.compress.prune import magnitude_mask, nm_mask, sparsegpt_, wanda_mask
from graphllm.errors import CompressionError


def correlated(rows=200, columns=32, seed=0):
    random = torch.Generator().manual_seed(seed)
    mixing = torch.randn(columns, columns, generator=random).double()
    return torch.randn(rows, columns, generator=random).double() @ mixing


def loss(weight, pruned, x):
    return float(((weight - pruned) @ x.T).square().sum())


def reference(weight, x, mask, damping=0.01):
    """Optimal brain surgeon, written out: columns in turn, no factorisation."""
    weight, hessian = weight.clone(), x.T @ x
    columns = weight.size(1)
    hessian += damping * hessian.diagonal().mean() * torch.eye(columns)
    for column in range(columns):
        inverse = hessian[column:, column:].inverse()
        gone = weight[:, column] * ~mask[:, column]
        weight[:, column:] -= torch.outer(gone / inverse[0, 0], inverse[0])
    return weight * mask


def test_corrections_are_those_of_the_optimal_brain_surgeon():
    x, weight = correlated(), torch.randn(16, 32).double()
    pruned = sparsegpt_(weight.clone(), x.T @ x, 0.5)
    assert int((pruned == 0).sum()) == 256
    expected = reference(weight, x, pruned != 0)
    assert torch.allclose(pruned, expected, atol=1e-9)


@pytest.mark.parametrize("block_size", [1, 5, 32, 128])
def test_the_corrections_do_not_depend_on_blocks(block_size):
    x, weight = correlated(), torch.randn(16, 32).double()
    pruned = sparsegpt_(weight.clone(), x.T @ x, 0.4, block_size=block_size)
    assert int((pruned == 0).sum()) == int(0.4 * 512)
    assert torch.allclose(pruned, reference(weight, x, pruned != 0), atol=1e-9)


def test_patterns_hold_and_are_chosen_late():
    x, weight = correlated(columns=30), torch.randn(16, 30).double()
    pruned = sparsegpt_(weight.clone(), x.T @ x, pattern=(2, 4), block_size=6)
    groups = pruned[:, :28].unflatten(1, (-1, 4))
    assert (groups.count_nonzero(-1) == 2).all()
    assert (pruned[:, 28:] != 0).all()  # fills no group
    assert torch.allclose(pruned, reference(weight, x, pruned != 0), atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_the_output_suffers_less_than_by_a_mask_alone(seed):
    # Inputs of a trained network: a few directions carry most of them.
    random = torch.Generator().manual_seed(seed)
    x = (
        correlated(columns=32, seed=seed)[:, :8]
        @ torch.randn(8, 32, generator=random).double()
    )
    x += 10 * torch.randn(200, 32, generator=random)
    weight = torch.randn(24, 32).double()
    hessian = x.T @ x
    pruned = loss(weight, sparsegpt_(weight.clone(), hessian, 0.5), x)
    by_wanda = weight * wanda_mask(weight, x.norm(dim=0), 0.5)
    assert pruned < 0.85 * loss(weight, by_wanda, x)
    assert pruned < 0.85 * loss(weight, weight * magnitude_mask(weight, 0.5), x)
    semi = loss(weight, sparsegpt_(weight.clone(), hessian, pattern=(2, 4)), x)
    assert semi < loss(weight, weight * nm_mask(weight.abs(), 2, 4), x)


def test_without_correlation_it_is_magnitude_within_blocks():
    weight = torch.randn(6, 20)
    pruned = sparsegpt_(weight.clone(), torch.eye(20), 0.5, block_size=10)
    for part in (slice(0, 10), slice(10, 20)):
        mask = magnitude_mask(weight[:, part], 0.5)
        assert torch.allclose(pruned[:, part], weight[:, part] * mask)


def test_nothing_removed_changes_nothing():
    x, weight = correlated(), torch.randn(4, 32)
    assert torch.equal(sparsegpt_(weight.clone(), x.T @ x, 0.0), weight)


def test_inputs_that_were_always_zero_go_first_but_no_more_than_asked():
    x, weight = correlated(columns=8), torch.randn(4, 8)
    x[:, [1, 5]] = 0
    pruned = sparsegpt_(weight.clone(), x.T @ x, 0.25)
    assert (pruned[:, [1, 5]] == 0).all()
    assert int((pruned == 0).sum()) == 8
    x[:, :7] = 0
    assert int((sparsegpt_(weight.clone(), x.T @ x, 0.25) == 0).sum()) == 8


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_a_model_is_pruned_to_its_pattern(tiny_model, tiny_tokens, family):
    model = tiny_model(family)
    config = SparseGPT(pattern="2:4", block_size=16)
    report = compress_(model, config, Calibration(tiny_tokens(8, 32)))
    assert all(each.sparsity == 0.5 for each in report.layers)
    block = model.base_model.get_submodule("layers" if family == "llama" else "h")[2]
    for linear in linears(block).values():
        weight = linear.weight if family == "llama" else linear.weight.T
        assert (weight.unflatten(1, (-1, 4)).count_nonzero(-1) == 2).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"block_size": 0}, r"'block_size' must be positive \(got 0\)"),
        ({"damping": -0.1}, r"'damping' must be in \[0, 1\] \(got -0.1\)"),
    ],
)
def test_settings_are_checked(options, message):
    with pytest.raises(CompressionError, match=message):
        SparseGPT(0.5, **options)
