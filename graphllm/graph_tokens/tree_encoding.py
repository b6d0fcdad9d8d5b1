"""Codes that tell the positions of a tree of fixed shape from one another."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphllm.errors import UnknownNameError
from graphllm.kernels.tree import num_positions, parent_positions

TreeEncoding = Literal["laplacian", "legacy", "onehot"]
Matrix = NDArray[np.float64]

# Eigenvalues of a tree Laplacian that are this near are one; lengths are this near
# to zero only by rounding.
SAME_EIGENVALUE = 1e-6
ZERO_LENGTH = 1e-8


def tree_encoding(fan_outs: Sequence[int], kind: TreeEncoding) -> Tensor:
    r"""One row a position of the tree with these fan-outs, in level order.

    ``"laplacian"`` is the code of `"LLaGA: Large Language and Graph Assistant"
    <https://arxiv.org/abs/2402.08170>`_ (Eq. 1): row :math:`i` holds entry :math:`i`
    of every eigenvector of

    .. math::
        \mathbf{L} = \mathbf{I} - \mathbf{D}^{-1/2} \mathbf{A} \mathbf{D}^{-1/2}
            = \mathbf{U} \boldsymbol{\Lambda} \mathbf{U}^{\top}

    by ascending eigenvalue. Eigenvalues of trees repeat (for fan-outs 10, 10 one of
    them 91 times), and any rotation inside an eigenspace is as right. The basis taken
    here depends on the tree alone: the projector on the eigenspace is orthogonalised
    column by column, in order of positions, and columns that add nothing are left out.
    The first entry of each vector that is not zero is then positive.

    ``"legacy"`` is what the published code computes in its place. There the tree has
    edges from child to parent only and :math:`\mathbf{L} = \mathbf{I} - \mathbf{A}` is
    handed to a solver for general matrices. It has the eigenvalue one alone, and
    eigenvectors on the leaves alone: the solver returns, for each position, the leaves
    below it (itself, for a leaf) at equal length. All other rows are zero, for
    fan-outs 10, 10 the 11 rows of the root and of its children; the rank is the number
    of leaves.

    ``"onehot"`` is the identity.

    .. note::
        The columns of ``"legacy"`` are in order of positions. Solvers order them each
        in their own way (numpy's and torch's differ), so released weights need the
        file they were trained with; give it to
        :class:`~graphllm.graph_tokens.NeighborhoodDetail` as ``table``.

    Args:
        fan_outs (Sequence[int]): Children a position, one entry a level.
        kind (str): ``"laplacian"``, ``"legacy"`` or ``"onehot"``.

    Returns:
        Tensor: :math:`(T, T)` ``float32``.

    Raises:
        UnknownNameError: If there is no such code.
    """
    if kind == "laplacian":
        code = canonical_eigenvectors(tree_laplacian(fan_outs))
    elif kind == "legacy":
        code = _leaves_below(fan_outs)
    elif kind == "onehot":
        code = np.eye(num_positions(fan_outs))
    else:
        raise UnknownNameError("position code", kind, get_args(TreeEncoding))
    return torch.from_numpy(code).float()


def tree_laplacian(fan_outs: Sequence[int]) -> Matrix:
    """Symmetric normalised Laplacian of the tree, :math:`(T, T)`."""
    parents = parent_positions(fan_outs)
    child = np.arange(1, parents.size)
    adjacency = np.zeros((parents.size, parents.size))
    adjacency[child, parents[1:]] = adjacency[parents[1:], child] = 1.0
    scale = adjacency.sum(axis=1) ** -0.5
    return np.eye(parents.size) - scale[:, None] * adjacency * scale


def canonical_eigenvectors(matrix: Matrix) -> Matrix:
    """Orthonormal eigenvectors as columns, in a basis that the solver cannot choose.

    Args:
        matrix (NDArray): Symmetric, :math:`(T, T)`, with eigenvalues that are either
            equal or well apart.

    Returns:
        NDArray: :math:`(T, T)`, by ascending eigenvalue.
    """
    values, vectors = np.linalg.eigh(matrix)
    cuts = np.flatnonzero(np.diff(values) > SAME_EIGENVALUE) + 1
    basis = []
    for space in np.split(vectors, cuts, axis=1):
        left = space @ space.T
        for position in range(len(matrix)):
            length = left[position, position]
            if length <= ZERO_LENGTH:
                continue
            # Earlier positions have nothing left in this space.
            vector = left[:, position] / np.sqrt(length)
            vector[:position] = 0.0
            left -= np.outer(vector, vector)
            basis.append(vector)
    return np.stack(basis, axis=1)


def _leaves_below(fan_outs: Sequence[int]) -> Matrix:
    parents = parent_positions(fan_outs)
    num_leaves = int(np.prod(fan_outs))
    below = np.zeros((parents.size, parents.size))
    leaves = np.arange(parents.size - num_leaves, parents.size)
    above = leaves
    for _ in range(len(fan_outs) + 1):
        below[leaves, above] = 1.0
        above = parents[above]
    return below / np.linalg.norm(below, axis=0)
