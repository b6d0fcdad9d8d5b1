"""How good a network is, and what a soup is made of."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from graphllm.errors import GraphLLMError
from graphllm.soup.state import StateDict


class Score(NamedTuple):
    """Quality of a network on validation data.

    Args:
        accuracy (float): Larger is better; any such measure will do.
        loss (float, optional): Smaller is better; counts only between equal
            accuracies. (default: :obj:`0.0`)
    """

    accuracy: float
    loss: float = 0.0

    @property
    def rank(self) -> tuple[float, float]:
        """Sorts scores from worst to best; whatever is NaN is worst."""
        parts = (self.accuracy, -self.loss)
        first, second = (-math.inf if math.isnan(each) else each for each in parts)
        return first, second


Evaluate = Callable[[StateDict], Score]
EvaluateMany = Callable[[Sequence[StateDict]], Sequence[Score]]


class Step(NamedTuple):
    """One ingredient offered to a soup.

    Args:
        ingredient (int): Its number.
        alpha (float): Weight of the soup so far in the best mixture with it.
        score (Score): Score of that mixture.
        accepted (bool): Whether it became the soup.
    """

    ingredient: int
    alpha: float
    score: Score
    accepted: bool


@dataclass(frozen=True)
class SoupResult:
    """A soup and its recipe.

    Args:
        state_dict (dict): The merged network.
        weights (Tensor): :math:`(K)`, share of each ingredient, ``float64`` with sum
            one; :func:`graphllm.soup.average` with them gives ``state_dict`` again.
        score (Score, optional): Score of the soup; none where nothing was evaluated.
        accepted (tuple[int]): Ingredients in the order they went in, the one it
            started from first.
        history (tuple[Step]): Every ingredient offered after the first.
        evaluations (int): Networks that were evaluated.
    """

    state_dict: dict[str, Tensor]
    weights: Tensor
    score: Score | None
    accepted: tuple[int, ...]
    history: tuple[Step, ...] = ()
    evaluations: int = 0

    @property
    def moved(self) -> float:
        """Share that is not of the ingredient it started from.

        Zero tells a soup that only returns its best ingredient, as happens when the
        ingredients do not share their initialisation.
        """
        return 1.0 - float(self.weights[self.accepted[0]].mean())


def evaluated(
    state_dicts: Iterable[StateDict],
    evaluate: Evaluate,
    evaluate_many: EvaluateMany | None = None,
) -> list[Score]:
    """Scores of several networks; one by one, only one of them is made at a time.

    Raises:
        GraphLLMError: If ``evaluate_many`` returns more or fewer.
    """
    if evaluate_many is None:
        return [evaluate(state) for state in state_dicts]
    batch = list(state_dicts)
    scores = list(evaluate_many(batch)) if batch else []
    if len(scores) != len(batch):
        raise GraphLLMError(
            f"'evaluate_many' must return one score a state dict (got {len(scores)} "
            f"for {len(batch)})"
        )
    return scores


def best_first(scores: Sequence[Score]) -> list[int]:
    """Numbers of the ingredients, best first; equal ones keep their order."""
    return sorted(range(len(scores)), key=lambda k: scores[k].rank, reverse=True)


def checked_scores(scores: Sequence[Score], count: int) -> list[Score]:
    """The given scores of the ingredients.

    Raises:
        GraphLLMError: If there are more or fewer than ingredients.
    """
    if len(scores) != count:
        raise GraphLLMError(
            f"'scores' must be one a state dict (got {len(scores)} for {count})"
        )
    return list(scores)
