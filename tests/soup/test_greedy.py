import pytest
import torch

from graphllm.errors import GraphLLMError
from graphllm.soup import Score, average, greedy_soup, interpolate, uniform_soup


def points(*values):
    return [{"w": torch.tensor(value), "n": torch.tensor(3)} for value in values]


def near_zero(state):
    """The nearer the mean of the weights to zero, the better."""
    return Score(-abs(float(state["w"])))


def test_uniform_is_the_average_and_evaluates_nothing():
    states = [{"w": torch.randn(4, 3)} for _ in range(5)]
    result = uniform_soup(states)
    mean = torch.stack([state["w"] for state in states]).double().mean(0)
    assert torch.allclose(result.state_dict["w"].double(), mean, atol=1e-6)
    assert result.weights.tolist() == [0.2] * 5
    assert (result.score, result.evaluations) == (None, 0)
    assert result.accepted == (0, 1, 2, 3, 4)


def test_uniform_is_sequential_interpolation():
    states = [{"w": torch.randn(6)} for _ in range(7)]
    soup = states[0]
    for count, state in enumerate(states[1:], start=2):
        soup = interpolate(soup, state, (count - 1) / count)
    assert torch.allclose(soup["w"], uniform_soup(states).state_dict["w"], atol=1e-6)


def test_greedy_by_hand():
    # From -1: with 2 the mean is 0.5, better; with -3 it is -2/3, worse; with 4 it
    # would be 5/3, worse.
    result = greedy_soup(points(4.0, -3.0, -1.0, 2.0), near_zero)
    assert result.accepted == (2, 3)
    assert result.weights.tolist() == [0.0, 0.0, 0.5, 0.5]
    assert result.score == Score(-0.5)
    assert result.state_dict["w"] == 0.5
    assert result.state_dict["n"] == 3
    assert result.evaluations == 4 + 3
    assert [step.ingredient for step in result.history] == [3, 1, 0]
    assert [step.accepted for step in result.history] == [True, False, False]
    assert [step.alpha for step in result.history] == [1 / 2, 2 / 3, 2 / 3]
    assert result.history[1].score.accuracy == pytest.approx(-2 / 3)
    assert result.moved == 0.5


def test_known_scores_are_not_measured_again():
    states, seen = points(4.0, -3.0, -1.0, 2.0), []

    def evaluate(state):
        seen.append(float(state["w"]))
        return near_zero(state)

    scores = [near_zero(state) for state in states]
    result = greedy_soup(states, evaluate, scores)
    assert result.evaluations == len(seen) == 3
    assert result.weights.tolist() == [0.0, 0.0, 0.5, 0.5]


def test_equal_accuracies_are_accepted_unless_the_loss_rises():
    states = points(1.0, 3.0)
    assert greedy_soup(states, lambda _: Score(0.5)).accepted == (0, 1)
    fine = greedy_soup(states, lambda s: Score(0.5, loss=-float(s["w"])))
    assert fine.accepted == (1,)  # the mean has the larger loss


def test_weights_reproduce_the_soup():
    torch.manual_seed(3)
    states = [{"w": torch.randn(5)} for _ in range(6)]
    result = greedy_soup(states, lambda s: Score(-float(s["w"].norm())))
    assert len(result.accepted) > 1
    assert torch.equal(average(states, result.weights)["w"], result.state_dict["w"])
    assert result.score == Score(-float(result.state_dict["w"].norm()))
    assert result.score.accuracy >= max(-float(s["w"].norm()) for s in states)


def test_bad_arguments():
    with pytest.raises(GraphLLMError, match="no state dicts"):
        uniform_soup([])
    with pytest.raises(GraphLLMError, match="no state dicts"):
        greedy_soup([], near_zero)
    with pytest.raises(GraphLLMError, match="'scores' must be one"):
        greedy_soup(points(1.0, 2.0), near_zero, [Score(1.0)])
