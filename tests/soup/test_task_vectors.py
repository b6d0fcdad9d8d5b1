import pytest
import torch
from torch import nn

from graphllm.errors import GraphLLMError
from graphllm.seed import generator
from graphllm.soup import dare, task_arithmetic, ties, uniform_soup

BASE = {"w": torch.tensor([1.0, 1.0, 1.0, 1.0, 1.0]), "n": torch.tensor(2)}
# Task vectors (4, -1, 0, 3, 0.5) and (2, 5, 0, -4, 0.1).
ONE = {"w": torch.tensor([5.0, 0.0, 1.0, 4.0, 1.5]), "n": torch.tensor(7)}
TWO = {"w": torch.tensor([3.0, 6.0, 1.0, -3.0, 1.1]), "n": torch.tensor(8)}


def test_task_arithmetic_by_hand():
    merged = task_arithmetic(BASE, [ONE, TWO], scale=0.5)
    assert merged["w"].tolist() == pytest.approx([4.0, 3.0, 1.0, 0.5, 1.3])
    assert merged["n"] == 2
    unlearned = task_arithmetic(BASE, [ONE], scale=-1.0)["w"]
    assert unlearned.tolist() == pytest.approx([-3.0, 2.0, 1.0, -2.0, 0.5])


def test_one_k_th_of_the_sum_is_the_uniform_soup():
    states = [nn.Linear(3, 2).state_dict() for _ in range(4)]
    base = nn.Linear(3, 2).state_dict()
    merged = task_arithmetic(base, states, scale=0.25)
    soup = uniform_soup(states).state_dict
    assert all(torch.allclose(merged[n], soup[n], atol=1e-6) for n in soup)


def test_ties_by_hand():
    # The three largest of five: (4, -1, 0, 3, 0) and (2, 5, 0, -4, 0). Elected signs
    # +, +, none, -, none; means (4+2)/2, 5, -, -4, -.
    merged = ties(BASE, [ONE, TWO], density=0.6)
    assert merged["w"].tolist() == [4.0, 6.0, 1.0, -3.0, 1.0]
    assert merged["n"] == 2
    half = ties(BASE, [ONE, TWO], density=0.6, scale=0.5)
    assert half["w"].tolist() == [2.5, 3.5, 1.0, -1.0, 1.0]
    # Only the largest of each: 4 and 5.
    assert ties(BASE, [ONE, TWO])["w"].tolist() == [5.0, 6.0, 1.0, 1.0, 1.0]


def test_ties_trims_over_the_whole_network():
    base = {"x": torch.zeros(2), "y": torch.zeros(2)}
    tuned = {"x": torch.tensor([3.0, 2.0]), "y": torch.tensor([0.5, 1.0])}
    merged = ties(base, [tuned], density=0.5)
    assert merged["x"].tolist() == [3.0, 2.0]
    assert merged["y"].tolist() == [0.0, 0.0]


def test_ties_counts_tied_parameters_once():
    shared, tuned = torch.zeros(2), torch.tensor([3.0, 2.0])
    base = {"a": shared, "b": shared, "c": torch.zeros(2)}
    state = {"a": tuned, "b": tuned, "c": torch.tensor([1.0, 0.5])}
    # Half of four entries is two; of six it would be three, and keep the 1.
    merged = ties(base, [state], density=0.5)
    assert merged["a"].tolist() == [3.0, 2.0]
    assert merged["c"].tolist() == [0.0, 0.0]
    assert merged["a"] is merged["b"]


def test_ties_of_an_exact_draw_keeps_the_base():
    up, down = {"w": torch.tensor([3.0])}, {"w": torch.tensor([-1.0])}
    assert ties({"w": torch.tensor([1.0])}, [up, down], 1.0)["w"].item() == 1.0


def test_ties_of_networks_that_learned_nothing():
    assert torch.equal(ties(BASE, [BASE, BASE])["w"], BASE["w"])
    counters = {"n": torch.tensor(3)}
    assert ties(counters, [counters])["n"] == 3


def test_dare_by_hand():
    draws = torch.rand(2, 5, generator=generator(4))
    keep = draws >= 0.5
    assert keep.any()
    assert not keep.all()
    delta = torch.stack([ONE["w"], TWO["w"]]) - BASE["w"]
    expected = BASE["w"] + (delta * keep / 0.5).mean(0)
    merged = dare(BASE, [ONE, TWO], 0.5, generator=generator(4))
    assert torch.allclose(merged["w"], expected)
    assert merged["n"] == 2
    again = dare(BASE, [ONE, TWO], 0.5, generator=generator(4))
    assert torch.equal(merged["w"], again["w"])
    other = dare(BASE, [ONE, TWO], 0.5, generator=generator(5))
    assert not torch.equal(merged["w"], other["w"])


def test_dare_keeps_its_share_and_the_mean():
    base, tuned = {"w": torch.zeros(20_000)}, {"w": torch.ones(20_000)}
    merged = dare(base, [tuned], generator=generator(0))["w"]
    assert merged.unique().tolist() == pytest.approx([0.0, 10.0])
    assert (merged > 0).float().mean().item() == pytest.approx(0.1, abs=0.01)
    none_dropped = dare(BASE, [ONE, TWO], 0.0, generator=generator(0))["w"]
    soup = uniform_soup([ONE, TWO]).state_dict["w"]
    assert torch.allclose(none_dropped, soup)
    summed = dare(BASE, [ONE, TWO], 0.0, generator=generator(0), scale=2.0)["w"]
    assert torch.allclose(summed, task_arithmetic(BASE, [ONE, TWO], 1.0)["w"])


@pytest.mark.parametrize(
    "merge",
    [
        task_arithmetic,
        ties,
        lambda base, states: dare(base, states, generator=generator(0)),
    ],
)
def test_infinite_entries_dtype_and_errors(merge):
    mask = {"m": torch.tensor([0.0, -torch.inf]).half()}
    merged = merge(mask, [mask, mask])["m"]
    assert merged.tolist() == [0.0, -torch.inf]
    assert merged.dtype == torch.float16
    with pytest.raises(GraphLLMError, match="no state dicts to merge"):
        merge(BASE, [])
    with pytest.raises(GraphLLMError, match=r"in the base and .* in state dict 1"):
        merge(BASE, [ONE, {**ONE, "w": torch.ones(2)}])


def test_bad_arguments():
    for density in (0.0, 1.1):
        with pytest.raises(GraphLLMError, match=r"'density' must be in \(0, 1\]"):
            ties(BASE, [ONE], density)
    for drop in (-0.1, 1.0):
        with pytest.raises(GraphLLMError, match=r"'drop' must be in \[0, 1\)"):
            dare(BASE, [ONE], drop, generator=generator(0))
