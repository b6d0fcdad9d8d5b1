"""How well scores put links above pairs without one."""

import torch
from torch import Tensor


def auc(score: Tensor, label: Tensor) -> float:
    r"""Area under the ROC curve.

    .. math::
        \frac{1}{|P| |N|} \sum_{p \in P} \sum_{n \in N}
            [s_p > s_n] + \tfrac{1}{2} [s_p = s_n]

    Args:
        score (Tensor): Higher is more likely a link, :math:`(M)`.
        label (Tensor): One for a link, zero for none, :math:`(M)`.

    Returns:
        float: In [0, 1]; one half is chance.

    Raises:
        ValueError: If shapes or labels do not fit, one of the two kinds is missing,
            or a score is NaN.
    """
    linked, unlinked = _counts(score, label)
    below = unlinked.cumsum(0) - unlinked
    wins = (linked * (below + 0.5 * unlinked)).sum()
    return float(wins / (linked.sum() * unlinked.sum()))


def average_precision(score: Tensor, label: Tensor) -> float:
    r"""Mean precision at the links, best score first.

    .. math::
        \sum_{k} (R_k - R_{k-1}) P_k

    with precision :math:`P_k` and recall :math:`R_k` at the :math:`k`-th distinct
    score from above; pairs with equal scores enter together.

    Args:
        score (Tensor): Higher is more likely a link, :math:`(M)`.
        label (Tensor): One for a link, zero for none, :math:`(M)`.

    Returns:
        float: In (0, 1]; the share of links is chance.

    Raises:
        ValueError: As :func:`auc`.
    """
    linked, unlinked = (count.flip(0) for count in _counts(score, label))
    found = linked.cumsum(0)
    precision = found / (found + unlinked.cumsum(0))
    return float((linked * precision).sum() / found[-1])


def hits_at_k(positive: Tensor, negative: Tensor, k: int) -> float:
    """Share of links that score above the ``k``-th best pair without one.

    The definition of the Open Graph Benchmark: strictly above, and one where there
    are fewer than ``k`` negatives.

    Args:
        positive (Tensor): Scores of links, :math:`(M_1)`.
        negative (Tensor): Scores of pairs without one, :math:`(M_0)`.
        k (int): Negatives that may stand above.

    Returns:
        float: In [0, 1].

    Raises:
        ValueError: If there are no links, shapes do not fit, ``k`` is below one or a
            score is NaN.
    """
    _check_scores(positive, negative)
    if negative.dim() != 1:
        raise ValueError(f"'negative' must be one row (got {tuple(negative.shape)})")
    if k < 1:
        raise ValueError(f"'k' must be >= 1 (got {k})")
    if negative.numel() < k:
        return 1.0
    bar = negative.topk(k).values[-1]
    return float((positive > bar).double().mean())


def mean_reciprocal_rank(positive: Tensor, negative: Tensor) -> float:
    r"""Mean of one over the rank of each link among pairs without one.

    .. math::
        \frac{1}{|P|} \sum_{p \in P} \frac{1}{r_p}, \qquad
        r_p = 1 + |\{n : s_n > s_p\}| + \tfrac{1}{2} |\{n : s_n = s_p\}|

    Ties count half, the mean of the best and the worst rank, as in the Open Graph
    Benchmark: a model that scores all pairs alike gains nothing by it.

    Args:
        positive (Tensor): Scores of links, :math:`(M_1)`.
        negative (Tensor): Scores of the pairs that each link competes with,
            :math:`(M_1, K)`, or of one row for all of them, :math:`(M_0)`.

    Returns:
        float: In (0, 1].

    Raises:
        ValueError: If there are no links, shapes do not fit or a score is NaN.
    """
    _check_scores(positive, negative)
    if negative.dim() == 2:
        own = positive.view(-1, 1)
        above = (negative > own).sum(dim=-1)
        tied = (negative == own).sum(dim=-1)
    else:
        ascending = negative.sort().values
        first = torch.searchsorted(ascending, positive, right=False)
        last = torch.searchsorted(ascending, positive, right=True)
        above, tied = negative.numel() - last, last - first
    return float((1.0 / (1.0 + above.double() + 0.5 * tied)).mean())


def link_metrics(
    score: Tensor, label: Tensor, *, threshold: float, k: int = 100
) -> dict[str, float]:
    """All numbers of link prediction.

    Args:
        score (Tensor): Higher is more likely a link, :math:`(M)`.
        label (Tensor): One for a link, zero for none, :math:`(M)`.
        threshold (float): Pairs at or above it are called links, see
            :func:`~graphllm.evaluate.best_threshold`; never of these very labels.
        k (int, optional): Of ``hits@k``. (default: :obj:`100`)

    Returns:
        dict[str, float]: ``auc``, ``ap``, ``hits@k``, ``mrr`` (each link among all
        pairs without one) and ``acc``.

    Raises:
        ValueError: As :func:`auc`.
    """
    positive, negative = score[label == 1], score[label == 0]
    return {
        "auc": auc(score, label),
        "ap": average_precision(score, label),
        f"hits@{k}": hits_at_k(positive, negative, k),
        "mrr": mean_reciprocal_rank(positive, negative),
        "acc": float(((score.double() >= threshold) == (label == 1)).double().mean()),
    }


def check_pairs(score: Tensor, label: Tensor) -> None:
    """Refuse what cannot be ranked.

    Args:
        score (Tensor): One number a pair.
        label (Tensor): One for a link, zero for none.

    Raises:
        ValueError: As :func:`auc`.
    """
    if score.dim() != 1 or score.shape != label.shape:
        raise ValueError(
            "'score' and 'label' must be one row of numbers each (got "
            f"{tuple(score.shape)} and {tuple(label.shape)})"
        )
    if not bool(((label == 0) | (label == 1)).all()):
        raise ValueError("'label' must be 1 for a link and 0 for none")
    linked = int((label == 1).sum())
    if linked in (0, label.numel()):
        raise ValueError(
            f"{linked} of {label.numel()} pairs are links; ranking needs both kinds"
        )
    _refuse_nan(score)


def _counts(score: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
    """Links and non-links at each distinct score, ascending, as doubles."""
    check_pairs(score, label)
    values, place = score.unique(return_inverse=True)
    linked = torch.bincount(place[label == 1], minlength=values.numel())
    unlinked = torch.bincount(place[label == 0], minlength=values.numel())
    return linked.double(), unlinked.double()


def _check_scores(positive: Tensor, negative: Tensor) -> None:
    if positive.dim() != 1 or not positive.numel():
        raise ValueError(
            f"'positive' must be one row of scores (got {tuple(positive.shape)})"
        )
    own = negative.dim() == 2 and negative.size(0) == positive.numel()
    if not (own or negative.dim() == 1):
        raise ValueError(
            "'negative' must be one row of scores for all links, or one row each (got "
            f"{tuple(negative.shape)} for {positive.numel()} links)"
        )
    _refuse_nan(positive)
    _refuse_nan(negative)


def _refuse_nan(score: Tensor) -> None:
    if bool(score.isnan().any()):
        raise ValueError("a score is NaN; the model that made it has diverged")
