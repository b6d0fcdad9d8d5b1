"""The soup of Graph Ladling: ingredients stirred in one by one, as far as helps."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, get_args

import torch
from torch import Tensor

from graphllm.errors import GraphLLMError, UnknownNameError
from graphllm.soup.average import weighted
from graphllm.soup.result import (
    Evaluate,
    EvaluateMany,
    Score,
    SoupResult,
    Step,
    best_first,
    checked_scores,
    evaluated,
)
from graphllm.soup.state import StateDict, alike

Accept = Literal["ge", "gt"]


def greedy_interpolated_soup(
    state_dicts: Sequence[StateDict],
    evaluate: Evaluate,
    granularity: int = 11,
    refine: int = 0,
    accept: Accept = "ge",
    evaluate_many: EvaluateMany | None = None,
    scores: Sequence[Score] | None = None,
) -> SoupResult:
    r"""Greedy interpolation soup (GIS): the weight of each ingredient is searched.

    From `"Graph Ladling: Shockingly Simple Parallel GNN Training without Intermediate
    Communication" <https://arxiv.org/abs/2306.10466>`_ (2023), algorithm 1. From best
    to worst ingredient :math:`\boldsymbol{\theta}_i`,

    .. math::
        \boldsymbol{\theta} \leftarrow \alpha^* \boldsymbol{\theta}
        + (1 - \alpha^*) \boldsymbol{\theta}_i, \qquad
        \alpha^* = \arg\max_{\alpha} \; \mathrm{score}(\alpha \boldsymbol{\theta}
        + (1 - \alpha) \boldsymbol{\theta}_i)

    over a grid of ``granularity`` values in [0, 1], then over midpoints around the
    best of them, where the score of the soup does not fall. At :math:`\alpha` of one
    and zero the score is that of the soup and of the ingredient and is not measured
    again. The share of each ingredient is tracked, and every candidate is averaged
    from the ingredients themselves, so that no rounding piles up and the score is
    exactly that of the soup returned.

    .. note::
        The authors' code sweeps one pair and lets the smallest of equally good
        :math:`\alpha` win, that is most of the new ingredient. Here equal accuracies
        are decided by the loss, and what is still equal moves the soup least.

    Args:
        state_dicts (Sequence[StateDict]): The ingredients.
        evaluate (Callable): Score of a state dict on validation data.
        granularity (int, optional): Values of :math:`\alpha`, both ends included.
            (default: :obj:`11`)
        refine (int, optional): How often the step of the grid is halved around the
            best :math:`\alpha`, at no more than two evaluations each.
            (default: :obj:`0`)
        accept (str, optional): ``"ge"`` moves the soup where the score does not fall,
            ``"gt"`` only where it rises. (default: :obj:`"ge"`)
        evaluate_many (Callable, optional): Scores of several state dicts at once, for
            instance in one widened pass; used instead of :obj:`evaluate`.
        scores (Sequence[Score], optional): Those of the ingredients, as from
            :obj:`evaluate`, where they are known.

    Returns:
        SoupResult: Never worse, by :obj:`evaluate`, than the best ingredient.

    Raises:
        GraphLLMError: If there is no ingredient, they differ in a name or shape, the
            scores are not one each, or an argument is out of range.
    """
    _check_arguments(granularity, refine, accept)
    states = alike(state_dicts)
    known = scores is not None
    scores = checked_scores(
        evaluated(states, evaluate, evaluate_many) if scores is None else scores,
        len(states),
    )
    count = 0 if known else len(states)
    first, *rest = best_first(scores)
    weights = torch.zeros(len(states), dtype=torch.float64)
    weights[first] = 1.0
    best, accepted, history = scores[first], [first], []

    def scores_at(number: int, alphas: list[float]) -> list[Score]:
        shares = (_stirred(weights, number, alpha).tolist() for alpha in alphas)
        mixtures = (weighted(states, each) for each in shares)
        return evaluated(mixtures, evaluate, evaluate_many)

    for number in rest:
        # Known without a look: the ingredient alone, and the soup as it is.
        ends = {0.0: scores[number], 1.0: best}
        found = _search(ends, partial(scores_at, number), granularity, refine)
        count += len(found) - len(ends)
        del found[1.0]
        alpha = _best(found)
        score = found[alpha]
        better = score.rank > best.rank or (accept == "ge" and score.rank == best.rank)
        history.append(Step(number, alpha, score, better))
        if better:
            weights, best = _stirred(weights, number, alpha), score
            accepted.append(number)
    soup = weighted(states, weights.tolist())
    return SoupResult(soup, weights, best, tuple(accepted), tuple(history), count)


def _search(
    ends: dict[float, Score],
    score_at: Callable[[list[float]], list[Score]],
    granularity: int,
    refine: int,
) -> dict[float, Score]:
    """Scores by alpha: the ends, the grid between them, and midpoints at the best."""
    found = dict(ends)
    step = 1.0 / (granularity - 1)
    alphas = [number / (granularity - 1) for number in range(1, granularity - 1)]
    for _ in range(refine + 1):
        found |= dict(zip(alphas, score_at(alphas), strict=True))
        step /= 2
        centre = _best(found)
        alphas = [a for a in (centre - step, centre + step) if 0.0 < a < 1.0]
    return found


def _best(found: dict[float, Score]) -> float:
    """The alpha with the best score; of equal ones, that with most of the soup."""
    return max(found, key=lambda alpha: (found[alpha].rank, alpha))


def _stirred(weights: Tensor, number: int, alpha: float) -> Tensor:
    """Shares after an ingredient was mixed in."""
    weights = alpha * weights
    weights[number] += 1.0 - alpha
    return weights


def _check_arguments(granularity: int, refine: int, accept: str) -> None:
    if granularity < 3:
        raise GraphLLMError(
            f"'granularity' must be >= 3 (got {granularity}); both ends of the grid "
            "are known already"
        )
    if refine < 0:
        raise GraphLLMError(f"'refine' must be >= 0 (got {refine})")
    if accept not in get_args(Accept):
        raise UnknownNameError("rule of acceptance", accept, get_args(Accept))
