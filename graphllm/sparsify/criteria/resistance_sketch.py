"""Effective resistances of all edges from a few random currents."""

import warnings

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from graphllm.kernels.undirected import Ids, Ints, Undirected

Floats = NDArray[np.float64]
# Random currents that are solved for together, which shares the reads of the matrix.
BLOCK = 8
TOLERANCE = 1e-5
MAX_ITERATIONS = 2000


def sketched_resistance(
    graph: Undirected, source: Ints, target: Ints, num_proj: int, seed: int
) -> NDArray[np.float32]:
    r"""Squared distances between nodes in a random projection of their voltages.

    From `"Graph Sparsification by Effective Resistances"
    <https://arxiv.org/abs/0803.0929>`_ (section 4).

    .. math::
        \mathbf{L} \mathbf{z}_p = \mathbf{B}^{\top} \mathbf{q}_p, \qquad
        R_{ij} \approx \frac{1}{k} \sum_{p=1}^{k} (z_{p,i} - z_{p,j})^2

    with :math:`\mathbf{B}` the signed incidence matrix, :math:`\mathbf{q}_p` random
    signs, and conjugate gradients with the diagonal as preconditioner as the solver.

    Args:
        graph (Undirected): The graph.
        source (NDArray): :math:`(E)` node ids.
        target (NDArray): :math:`(E)` node ids.
        num_proj (int): The number :math:`k`.
        seed (int): Seed of the signs.

    Returns:
        NDArray: :math:`(E)` ``float32``.
    """
    total = np.zeros(source.size, np.float32)
    if graph.indices.size == 0:
        return total
    matrix = adjacency(graph)
    degree = graph.degree().astype(np.float64)
    owner = np.repeat(np.arange(graph.num_nodes, dtype=np.int32), graph.degree())
    upper = owner < graph.indices
    ends = owner[upper], graph.indices[upper]
    del owner, upper
    random = np.random.default_rng(seed)
    for begin in range(0, num_proj, BLOCK):
        width = min(BLOCK, num_proj - begin)
        currents = np.stack(
            [_current(*ends, degree.size, random) for _ in range(width)]
        )
        for voltage in solve(matrix, degree, currents.T.copy()).T:
            gap = (voltage[source] - voltage[target]).astype(np.float32)
            total += np.square(gap, out=gap)
    return total / np.float32(num_proj)


def adjacency(graph: Undirected) -> csr_array:
    """The adjacency matrix, of ones.

    Args:
        graph (Undirected): The graph.

    Returns:
        scipy.sparse.csr_array: :math:`(N, N)` ``float64``.
    """
    shape = (graph.num_nodes, graph.num_nodes)
    return csr_array(
        (np.ones(graph.indices.size), graph.indices, graph.indptr), shape=shape
    )


def solve(matrix: csr_array, degree: Floats, right: Floats) -> Floats:
    r"""Solve :math:`(\mathbf{D} - \mathbf{A}) \mathbf{X} = \mathbf{Y}`.

    Args:
        matrix (scipy.sparse.csr_array): :math:`\mathbf{A}`, :math:`(N, N)`, symmetric.
        degree (NDArray): Its row sums.
        right (NDArray): :math:`\mathbf{Y}`, :math:`(N, K)`, each column with the sum
            zero over every component.

    Returns:
        NDArray: :math:`(N, K)`, determined up to a constant a component. If it takes
        too many steps, the last one, with a warning.
    """
    scale = 1.0 / np.maximum(degree, 1.0)[:, None]
    result = np.zeros_like(right)
    residual = right.copy()
    direction = scale * residual
    product = _dot(residual, direction)
    goal = TOLERANCE**2 * _dot(right, right)
    for _ in range(MAX_ITERATIONS):
        if np.all(_dot(residual, residual) <= goal):
            return result
        pushed = degree[:, None] * direction - matrix @ direction
        step = _ratio(product, _dot(direction, pushed))
        result += step * direction
        residual -= step * pushed
        scaled = scale * residual
        before, product = product, _dot(residual, scaled)
        direction *= _ratio(product, before)
        direction += scaled
    left = np.sqrt(np.max(_ratio(_dot(residual, residual), goal))) * TOLERANCE
    warnings.warn(
        f"effective resistances are rough: after {MAX_ITERATIONS} steps a residual of "
        f"{left:.0e} is left; long chains need many, method 'degree' needs none",
        stacklevel=4,
    )
    return result


def _current(
    low: Ids, high: Ids, num_nodes: int, random: np.random.Generator
) -> Floats:
    """What flows into each node if a unit flows along each edge, either way."""
    sign = random.integers(0, 2, low.size, np.int8) * 2.0 - 1.0
    out_of = np.bincount(high, sign, num_nodes)
    return np.asarray(np.bincount(low, sign, num_nodes) - out_of, np.float64)


def _dot(left: Floats, right: Floats) -> Floats:
    return np.einsum("ij,ij->j", left, right)


def _ratio(over: Floats, under: Floats) -> Floats:
    """Zero where a column is solved to the last bit."""
    return np.divide(over, under, out=np.zeros_like(over), where=under > 0.0)
