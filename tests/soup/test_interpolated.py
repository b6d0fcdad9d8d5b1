import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.errors import GraphLLMError, UnknownNameError
from graphllm.soup import (
    Score,
    average,
    greedy_interpolated_soup,
    interpolate,
)


def points(*values):
    return [{"w": torch.tensor(value), "n": torch.tensor(3)} for value in values]


def near_zero(state):
    return Score(-abs(float(state["w"])))


def random_states(seed, count=6):
    random = torch.Generator().manual_seed(seed)
    return [{"w": torch.randn(8, generator=random)} for _ in range(count)]


def steps_of_accuracy(state):
    """A coarse accuracy with plateaus, and a smooth loss."""
    loss = float((state["w"] - 0.3).square().mean())
    return Score(math.floor(4 * math.exp(-loss)) / 4, loss)


def literal_algorithm(states, evaluate, granularity):
    """Algorithm 1 as printed: sequential interpolation, everything evaluated."""
    order = sorted(states, key=lambda s: evaluate(s).rank, reverse=True)
    soup, best = order[0], evaluate(order[0])
    for state in order[1:]:
        grid = torch.linspace(0, 1, granularity, dtype=torch.float64).tolist()
        made = [interpolate(soup, state, alpha) for alpha in grid]
        top = max(made, key=lambda s: evaluate(s).rank)
        if evaluate(top).rank >= best.rank:
            soup, best = top, evaluate(top)
    return soup


def test_by_hand():
    # The best ingredient is -1. With 2: alpha 0.7 gives -0.1, and no other alpha of
    # the grid is nearer to zero. With -4 every alpha below one is worse.
    result = greedy_interpolated_soup(points(-4.0, 2.0, -1.0), near_zero)
    assert result.accepted == (2, 1)
    assert result.weights.tolist() == pytest.approx([0.0, 0.3, 0.7])
    assert result.score.accuracy == pytest.approx(-0.1)
    assert result.state_dict["w"] == pytest.approx(-0.1)
    assert result.state_dict["n"] == 3
    assert result.moved == pytest.approx(0.3)
    assert result.evaluations == 3 + 2 * 9
    first, second = result.history
    assert (first.ingredient, first.accepted) == (1, True)
    assert first.alpha == pytest.approx(0.7)
    assert (second.ingredient, second.accepted) == (0, False)
    assert second.alpha == 0.9
    assert second.score.accuracy == pytest.approx(0.9 * -0.1 + 0.1 * -4.0)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 8), st.sampled_from([0, 2]))
def test_validation_never_falls_and_weights_reproduce_the_soup(
    seed, granularity, refine
):
    states = random_states(seed)
    result = greedy_interpolated_soup(states, steps_of_accuracy, granularity, refine)
    best = max(steps_of_accuracy(state).rank for state in states)
    for step in result.history:
        if step.accepted:
            assert step.score.rank >= best
            best = step.score.rank
        else:
            assert step.score.rank < best
    assert result.score.rank == best
    assert steps_of_accuracy(result.state_dict) == result.score
    assert result.weights.sum().item() == pytest.approx(1.0)
    assert torch.equal(average(states, result.weights)["w"], result.state_dict["w"])


@pytest.mark.parametrize("seed", range(5))
def test_the_literal_algorithm_gives_the_same_soup(seed):
    states = random_states(seed)
    result = greedy_interpolated_soup(states, steps_of_accuracy, granularity=6)
    soup = literal_algorithm(states, steps_of_accuracy, 6)
    assert torch.allclose(result.state_dict["w"], soup["w"], atol=1e-5)
    assert len(result.accepted) > 1


def test_refining_halves_the_grid_around_the_best():
    seen = []

    def evaluate(state):
        seen.append(round(float(state["w"]), 6))
        return Score(-abs(float(state["w"]) - 0.7))

    # alpha is w itself: one at the better network, zero at the other.
    greedy_interpolated_soup(points(1.0, 0.0), evaluate, 3, refine=3)
    assert seen == [1.0, 0.0, 0.5, 0.25, 0.75, 0.625, 0.875, 0.6875, 0.8125]


def test_refining_beside_an_end():
    seen = []

    def evaluate(state):
        seen.append(float(state["w"]))
        return Score(-abs(float(state["w"]) - 0.9))

    result = greedy_interpolated_soup(points(1.0, 0.0), evaluate, 3, refine=2)
    # The soup as it is beats the grid, so the only midpoint is below it.
    assert seen == [1.0, 0.0, 0.5, 0.75, 0.875]
    assert result.weights.tolist() == [0.875, 0.125]
    assert result.evaluations == 5


def test_equal_scores_move_least_or_not_at_all():
    states = points(1.0, 2.0, 3.0)
    result = greedy_interpolated_soup(states, lambda _: Score(0.5), 5)
    assert result.weights.tolist() == pytest.approx([0.75**2, 0.75 * 0.25, 0.25])
    strict = greedy_interpolated_soup(states, lambda _: Score(0.5), 5, accept="gt")
    assert strict.weights.tolist() == [1.0, 0.0, 0.0]
    assert strict.accepted == (0,)
    assert strict.moved == 0.0


def test_networks_that_do_not_mix_leave_the_best_alone():
    def only_alone(state):
        return Score(1.0 if float(state["w"]) in (1.0, 2.0, 4.0) else 0.0)

    result = greedy_interpolated_soup(points(1.0, 2.0, 4.0), only_alone, 4, accept="gt")
    assert result.moved == 0.0
    assert [step.accepted for step in result.history] == [False, False]


def test_identical_ingredients_give_the_same_network():
    state = {"w": torch.randn(20)}
    result = greedy_interpolated_soup([state] * 4, lambda _: Score(1.0))
    assert torch.equal(result.state_dict["w"], state["w"])


def test_many_at_once_and_known_scores():
    states, batches = random_states(3), []

    def many(candidates):
        batches.append(len(candidates))
        return [steps_of_accuracy(state) for state in candidates]

    plain = greedy_interpolated_soup(states, steps_of_accuracy, 6, 1)
    batched = greedy_interpolated_soup(states, None, 6, 1, evaluate_many=many)
    assert torch.equal(plain.state_dict["w"], batched.state_dict["w"])
    assert plain.history == batched.history
    assert plain.evaluations == batched.evaluations == sum(batches)
    assert batches[:2] == [6, 4]
    scores = [steps_of_accuracy(state) for state in states]
    known = greedy_interpolated_soup(states, steps_of_accuracy, 6, 1, scores=scores)
    assert known.history == plain.history
    assert known.evaluations == plain.evaluations - 6


def test_an_evaluation_that_writes_to_its_candidate_does_no_harm():
    def careless(state):
        score = steps_of_accuracy(state)
        if not any(state["w"] is own["w"] for own in states):
            state["w"].zero_()
        return score

    states = random_states(5)
    clean = greedy_interpolated_soup(states, steps_of_accuracy)
    result = greedy_interpolated_soup(states, careless)
    assert torch.equal(result.state_dict["w"], clean.state_dict["w"])


def test_one_ingredient_is_the_soup():
    result = greedy_interpolated_soup(points(2.0), near_zero)
    assert result.state_dict["w"] == 2.0
    assert (result.accepted, result.history, result.evaluations) == ((0,), (), 1)


def test_bad_arguments():
    states = points(1.0, 2.0)
    with pytest.raises(GraphLLMError, match=r"'granularity' must be >= 3 \(got 2\)"):
        greedy_interpolated_soup(states, near_zero, 2)
    with pytest.raises(GraphLLMError, match="'refine' must be >= 0"):
        greedy_interpolated_soup(states, near_zero, refine=-1)
    with pytest.raises(UnknownNameError, match="unknown rule of acceptance 'le'"):
        greedy_interpolated_soup(states, near_zero, accept="le")
    with pytest.raises(GraphLLMError, match="no state dicts"):
        greedy_interpolated_soup([], near_zero)
    with pytest.raises(GraphLLMError, match="'scores' must be one"):
        greedy_interpolated_soup(states, near_zero, scores=[])
    with pytest.raises(GraphLLMError, match="'w' is"):
        greedy_interpolated_soup(
            [states[0], {**states[0], "w": torch.ones(2)}], near_zero
        )
