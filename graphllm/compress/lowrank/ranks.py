"""How much rank each matrix keeps."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from graphllm.compress.base import check_ratio
from graphllm.errors import CompressionError, UnknownNameError

Objective = Literal["rank", "params"]
OBJECTIVES = ("params", "rank")
# Below this share of its full rank a matrix counts as low-rank (WeLore, section 3.2).
_LOW_RANK = 0.5


def saves(rank: int, shape: tuple[int, int]) -> bool:
    """Whether two factors of this rank hold fewer weights than the matrix."""
    return rank * sum(shape) < shape[0] * shape[1]


def is_low_rank(rank: int, shape: tuple[int, int]) -> bool:
    """Whether a matrix keeps less than half of its rank, as WeLore divides them."""
    return rank < _LOW_RANK * min(shape)


def kept_weights(rank: int, shape: tuple[int, int]) -> int:
    """Weights held: of the factors, or of the matrix where that is fewer."""
    return rank * sum(shape) if saves(rank, shape) else shape[0] * shape[1]


def check_objective(objective: str) -> None:
    """Refuse an objective that is neither ``"rank"`` nor ``"params"``.

    Raises:
        UnknownNameError: If it is another.
    """
    if objective not in OBJECTIVES:
        raise UnknownNameError("objective", objective, OBJECTIVES)


def welore_ranks(
    spectra: Sequence[Tensor],
    shapes: Sequence[tuple[int, int]],
    ratio: float,
    objective: Objective = "rank",
    only_lrc: bool = True,
) -> list[int]:
    r"""Ranks by one threshold on all normalised singular values.

    From `"From Low Rank Gradient Subspace Stabilization to Low-Rank Weights"
    <https://arxiv.org/abs/2407.11239>`_ (2024), section 3. Singular values are
    normalised within their matrix,

    .. math::
        \hat{\sigma}_i = \frac{\sigma_i - \sigma_R}{\sigma_1 - \sigma_R}, \qquad
        r_\ell = \big| \{ i : \hat{\sigma}_{\ell i} \geq k \} \big|

    and the threshold :math:`k` of all matrices is the one that meets the target:

    * ``"rank"``: the share of singular values below :math:`k`, over all matrices, is
      ``ratio``. This is the paper's effective rank reduction.
    * ``"params"``: the share of weights that need not be stored is ``ratio``. Matrices
      that two factors would not make smaller count as dense.

    With ``only_lrc``, matrices that keep half of their rank or more (N-LRC) stay as
    they are. With ``"rank"`` their removals still count towards the target, as in the
    paper, so that less than ``ratio`` is removed in the end.

    .. note::
        The published code looks :math:`k` up in a table for two models. Here the
        singular values are sorted once, which meets ``"rank"`` to half a value;
        ``"params"`` is found by bisection, and what the last matrix saves too much is
        given back.

    Args:
        spectra (Sequence[Tensor]): Singular values of each matrix, largest first.
        shapes (Sequence[tuple[int, int]]): Their shapes :math:`(m, n)`.
        ratio (float): Share that is removed.
        objective (str, optional): What ``ratio`` counts. (default: :obj:`"rank"`)
        only_lrc (bool, optional): Whether N-LRC stay dense. (default: :obj:`True`)

    Returns:
        list[int]: One rank a matrix, at least 1; the full rank means untouched.

    Raises:
        CompressionError: If ``ratio`` is not inside of (0, 1) or cannot be reached.
        UnknownNameError: If the objective is unknown.
    """
    check_ratio(ratio)
    check_objective(objective)
    scores = torch.cat([_normalised(each) for each in spectra])
    sizes = torch.tensor([len(each) for each in spectra])
    order = torch.argsort(scores, descending=True, stable=True)
    owner: list[int] = torch.repeat_interleave(sizes)[order].tolist()
    if objective == "rank":
        count = max(round((1 - ratio) * len(owner)), len(shapes))
        ranks = _count(owner[:count], len(shapes))
        return [_settled(r, s, only_lrc) for r, s in zip(ranks, shapes, strict=True)]
    return _by_parameters(owner, shapes, ratio, only_lrc)


def uniform_ranks(
    shapes: Sequence[tuple[int, int]], ratio: float, objective: Objective = "rank"
) -> list[int]:
    r"""The same share of rank, or of weights, removed from every matrix.

    .. math::
        r = (1 - \text{ratio}) \min(m, n) \qquad \text{or} \qquad
        r = (1 - \text{ratio}) \frac{m n}{m + n}

    Args:
        shapes (Sequence[tuple[int, int]]): Shapes :math:`(m, n)`.
        ratio (float): Share that is removed.
        objective (str, optional): ``"rank"`` or ``"params"``.
            (default: :obj:`"rank"`)

    Returns:
        list[int]: One rank a matrix, at least 1.

    Raises:
        CompressionError: If ``ratio`` is not inside of (0, 1).
        UnknownNameError: If the objective is unknown.
    """
    check_ratio(ratio)
    check_objective(objective)
    full = [m * n / (m + n) if objective == "params" else min(m, n) for m, n in shapes]
    return [max(1, round((1 - ratio) * each)) for each in full]


def _normalised(spectrum: Tensor) -> Tensor:
    low, high = spectrum[-1], spectrum[0]
    if bool(high <= low):
        # Flat: no direction matters less than another.
        return torch.ones_like(spectrum)
    return (spectrum - low) / (high - low)


def _count(owner: Sequence[int], matrices: int) -> list[int]:
    counts = torch.bincount(torch.tensor(owner), minlength=matrices)
    return [max(each, 1) for each in counts.tolist()]


def _settled(rank: int, shape: tuple[int, int], only_lrc: bool) -> int:
    return min(shape) if only_lrc and not is_low_rank(rank, shape) else rank


def _by_parameters(
    owner: Sequence[int],
    shapes: Sequence[tuple[int, int]],
    ratio: float,
    only_lrc: bool,
) -> list[int]:
    budget = round((1 - ratio) * sum(m * n for m, n in shapes))

    def ranks_of(count: int) -> list[int]:
        ranks = _count(owner[:count], len(shapes))
        return [
            _settled(rank, shape, only_lrc) if saves(rank, shape) else min(shape)
            for rank, shape in zip(ranks, shapes, strict=True)
        ]

    def weights_of(ranks: Sequence[int]) -> int:
        return sum(kept_weights(r, s) for r, s in zip(ranks, shapes, strict=True))

    low, high = len(shapes), len(owner) + 1
    if weights_of(ranks_of(low)) > budget:
        raise CompressionError(
            f"'ratio' {ratio:g} leaves less than one singular value a matrix; take less"
        )
    while high - low > 1:
        middle = (low + high) // 2
        fits = weights_of(ranks_of(middle)) <= budget
        low, high = (middle, high) if fits else (low, middle)
    ranks = ranks_of(low)
    left = budget - weights_of(ranks)
    for matrix in owner[low:]:
        larger, shape = ranks[matrix] + 1, shapes[matrix]
        stays = saves(larger, shape) and _settled(larger, shape, only_lrc) == larger
        if stays and sum(shape) <= left:
            ranks[matrix] = larger
            left -= sum(shape)
    return ranks
