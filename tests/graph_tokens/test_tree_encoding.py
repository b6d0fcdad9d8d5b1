import networkx as nx
import numpy as np
import pytest
import torch

from graphllm.errors import UnknownNameError
from graphllm.graph_tokens.tree_encoding import (
    canonical_eigenvectors,
    tree_encoding,
    tree_laplacian,
)

# Eigenvalue and how often it comes, from the closed form of two-level trees.
SPECTRA = {
    (10, 10): [
        (0.0, 1), (0.04653741, 9), (1.0, 91), (1.95346259, 9), (2.0, 1),
    ],
    (3, 3): [(0.0, 1), (0.1339746, 2), (1.0, 7), (1.8660254, 2), (2.0, 1)],
    (5, 5): [(0.0, 1), (0.0871, 4), (1.0, 21), (1.9129, 4), (2.0, 1)],
}  # fmt: skip
SHAPES = [*SPECTRA, (2,), (2, 2, 2), (4, 1, 3), (1, 1)]


@pytest.mark.parametrize("fan_outs", SPECTRA)
def test_spectrum(fan_outs):
    values = np.linalg.eigvalsh(tree_laplacian(fan_outs))
    expected = [value for value, times in SPECTRA[fan_outs] for _ in range(times)]
    assert values == pytest.approx(expected, abs=6e-5)
    if fan_outs != (5, 5):
        assert values == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("count", [3, 5, 10])
def test_the_laplacian_is_that_of_networkx(count):
    # networkx numbers a balanced tree level by level too
    tree = nx.balanced_tree(count, 2)
    theirs = nx.normalized_laplacian_matrix(tree, range(len(tree))).toarray()
    assert np.allclose(tree_laplacian([count, count]), theirs, atol=1e-15)


@pytest.mark.parametrize("fan_outs", SHAPES)
def test_an_orthonormal_basis_of_eigenvectors(fan_outs):
    matrix = tree_laplacian(fan_outs)
    basis = canonical_eigenvectors(matrix)
    assert basis.shape == matrix.shape
    assert np.allclose(basis.T @ basis, np.eye(len(matrix)), atol=1e-12)
    values = np.linalg.eigvalsh(matrix)
    assert np.allclose(basis * values @ basis.T, matrix, atol=1e-12)
    first = [column[np.flatnonzero(np.abs(column) > 1e-9)[0]] for column in basis.T]
    assert min(first) > 0


@pytest.mark.parametrize("fan_outs", [(3, 3), (10, 10), (2, 2, 2)])
def test_the_basis_does_not_depend_on_what_the_solver_returns(fan_outs, monkeypatch):
    matrix = tree_laplacian(fan_outs)
    expected = canonical_eigenvectors(matrix)
    values, vectors = np.linalg.eigh(matrix)
    rng = np.random.default_rng(0)
    cuts = np.flatnonzero(np.diff(values) > 1e-6) + 1
    turned = np.concatenate(
        [
            space @ np.linalg.qr(rng.standard_normal((space.shape[1],) * 2))[0]
            for space in np.split(vectors, cuts, axis=1)
        ],
        axis=1,
    )
    assert not np.allclose(turned, vectors)
    monkeypatch.setattr(np.linalg, "eigh", lambda _: (values, turned))
    assert np.allclose(canonical_eigenvectors(matrix), expected, atol=1e-10)


def test_laplacian_tells_all_positions_apart():
    code = tree_encoding([10, 10], "laplacian")
    assert code.shape == (111, 111)
    assert code.dtype == torch.float32
    assert torch.unique(code, dim=0).size(0) == 111
    # one eigenvector a column: the first is the square root of the degrees
    degree = torch.tensor([10.0] + [11.0] * 10 + [1.0] * 100)
    assert torch.allclose(code[:, 0], (degree / degree.sum()).sqrt(), atol=1e-6)


def test_legacy_cannot_tell_inner_positions_apart():
    code = tree_encoding([10, 10], "legacy")
    assert int(torch.linalg.matrix_rank(code)) == 100
    zero = (code == 0).all(dim=1)
    assert zero.nonzero().view(-1).tolist() == list(range(11))
    assert torch.unique(code, dim=0).size(0) == 101


@pytest.mark.parametrize("fan_outs", [(2, 2), (3, 3), (10, 10), (2, 3, 2), (4,)])
def test_legacy_is_what_a_general_solver_gives(fan_outs):
    code = tree_encoding(fan_outs, "legacy").double().numpy()
    size = len(code)
    # edges from child to parent only, nothing normalised
    parents = [-1]
    first, width = 0, 1
    for count in fan_outs:
        parents += [p for p in range(first, first + width) for _ in range(count)]
        first, width = first + width, width * count
    matrix = np.eye(size)
    matrix[np.arange(1, size), parents[1:]] = -1.0
    values, vectors = np.linalg.eig(matrix)
    assert np.allclose(values, 1.0)

    def in_order(columns):
        return np.unique(np.abs(columns).round(5), axis=1)

    # as sets: each solver has an order of columns of its own
    assert in_order(code).shape == (size, size - (code[:, 0] == code[:, 1]).all())
    assert np.allclose(in_order(code), in_order(vectors), atol=2e-5)
    assert np.allclose(matrix @ code, code, atol=1e-6)


def test_onehot_and_unknown():
    assert torch.equal(tree_encoding([2, 2], "onehot"), torch.eye(7))
    with pytest.raises(UnknownNameError, match=r"'laplacan'. Did you mean 'laplacian'"):
        tree_encoding([2, 2], "laplacan")
