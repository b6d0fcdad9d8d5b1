"""Equal-weight soups of all ingredients, or of those that help."""

from collections.abc import Sequence

import torch

from graphllm.soup.average import weighted
from graphllm.soup.result import (
    Evaluate,
    Score,
    SoupResult,
    Step,
    best_first,
    checked_scores,
    evaluated,
)
from graphllm.soup.state import StateDict, alike


def uniform_soup(state_dicts: Sequence[StateDict]) -> SoupResult:
    r"""All ingredients in equal parts.

    .. math::
        \boldsymbol{\theta} = \frac{1}{K} \sum_{k=1}^K \boldsymbol{\theta}_k

    The same, up to rounding, as interpolating the soup so far with ingredient
    :math:`i` at :math:`\alpha = (i - 1) / i`, one after the other.

    Args:
        state_dicts (Sequence[StateDict]): The ingredients.

    Returns:
        SoupResult: Without a score; nothing is evaluated.

    Raises:
        GraphLLMError: If there is no ingredient, or they differ in a name or shape.
    """
    states = alike(state_dicts)
    weights = torch.full((len(states),), 1 / len(states), dtype=torch.float64)
    soup = weighted(states, weights.tolist())
    return SoupResult(soup, weights, None, tuple(range(len(states))))


def greedy_soup(
    state_dicts: Sequence[StateDict],
    evaluate: Evaluate,
    scores: Sequence[Score] | None = None,
) -> SoupResult:
    r"""An equal-weight average of the ingredients that do not harm it.

    From `"Model soups: averaging weights of multiple fine-tuned models improves
    accuracy without increasing inference time" <https://arxiv.org/abs/2203.05482>`_
    (2022), recipe 1: from best to worst ingredient, each is added to the average
    :math:`|S|^{-1} \sum_{k \in S} \boldsymbol{\theta}_k` and stays if the validation
    score does not fall.

    .. note::
        The authors compare accuracies. Here a loss, where :obj:`evaluate` gives one,
        decides between equal accuracies, which are frequent on few nodes.

    Args:
        state_dicts (Sequence[StateDict]): The ingredients.
        evaluate (Callable): Score of a state dict on validation data.
        scores (Sequence[Score], optional): Those of the ingredients, as from
            :obj:`evaluate`, where they are known.

    Returns:
        SoupResult: Never worse, by :obj:`evaluate`, than the best ingredient.

    Raises:
        GraphLLMError: If there is no ingredient, they differ in a name or shape, or
            the scores are not one each.
    """
    states = alike(state_dicts)
    known = scores is not None
    scores = checked_scores(
        evaluated(states, evaluate) if scores is None else scores, len(states)
    )
    first, *rest = best_first(scores)
    members, best = [first], scores[first]
    history = []
    for number in rest:
        weights = _equal([*members, number], len(states))
        score = evaluate(weighted(states, weights.tolist()))
        better = score.rank >= best.rank
        history.append(Step(number, len(members) / (len(members) + 1), score, better))
        if better:
            members.append(number)
            best = score
    weights = _equal(members, len(states))
    return SoupResult(
        weighted(states, weights.tolist()),
        weights,
        best,
        tuple(members),
        tuple(history),
        len(rest) + (0 if known else len(states)),
    )


def _equal(members: Sequence[int], count: int) -> torch.Tensor:
    weights = torch.zeros(count, dtype=torch.float64)
    weights[list(members)] = 1 / len(members)
    return weights
