import math

import pytest
import torch

from graphllm.errors import GraphLLMError
from graphllm.soup import Score, SoupResult
from graphllm.soup.result import best_first, checked_scores, evaluated


def test_accuracy_first_and_loss_between_equals():
    worst_first = [
        Score(math.nan, 0.1),
        Score(0.5, math.nan),
        Score(0.5, 2.0),
        Score(0.5, 1.0),
        Score(0.7, 9.0),
    ]
    assert sorted(worst_first[::-1], key=lambda score: score.rank) == worst_first
    assert best_first(worst_first) == [4, 3, 2, 1, 0]
    assert best_first([Score(0.5), Score(0.6), Score(0.5)]) == [1, 0, 2]


def test_moved_is_what_is_not_of_the_first():
    weights = torch.tensor([0.25, 0.75])
    assert SoupResult({}, weights, None, (1, 0)).moved == 0.25
    assert SoupResult({}, torch.tensor([0.0, 1.0]), None, (1,)).moved == 0.0


def test_evaluated_one_by_one_keeps_only_one_alive():
    alive = []

    def candidates():
        for number in range(3):
            alive.append(number)
            yield {"w": torch.tensor(number)}

    def evaluate(state):
        assert alive[-1] == state["w"]
        return Score(float(state["w"]))

    assert [s.accuracy for s in evaluated(candidates(), evaluate)] == [0, 1, 2]


def test_evaluated_at_once():
    batches = []

    def many(states):
        batches.append(len(states))
        return [Score(float(state["w"])) for state in states]

    states = [{"w": torch.tensor(number)} for number in range(3)]
    assert evaluated(iter(states), None, many) == [Score(0), Score(1), Score(2)]
    assert evaluated([], None, many) == []
    assert batches == [3]
    with pytest.raises(GraphLLMError, match=r"one score a state dict \(got 2 for 3\)"):
        evaluated(states, None, lambda states: many(states)[1:])


def test_scores_are_one_each():
    assert checked_scores((Score(1.0),), 1) == [Score(1.0)]
    with pytest.raises(GraphLLMError, match=r"'scores' .* \(got 1 for 2\)"):
        checked_scores([Score(1.0)], 2)
