import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from graphllm.loader.subgraphs.draws import WeightedDraws
from graphllm.seed import generator


def double(values):
    return torch.tensor(values, dtype=torch.double)


def test_items_come_by_weight():
    weight = double([0.0, 1.0, 4.0, 0.0, 5.0, 0.0])
    draws = WeightedDraws(weight)
    hits = draws.draw(5000, generator(0)).bincount(minlength=6).numpy()
    assert hits[[0, 3, 5]].tolist() == [0, 0, 0]
    assert chisquare(hits[[1, 2, 4]], np.array([500, 2000, 2500])).pvalue > 1e-4
    assert draws.probability.tolist() == [0.0, 0.1, 0.4, 0.0, 0.5, 0.0]
    assert draws.num_possible == 3


@pytest.mark.parametrize("ticket", [0.0, 0.5, float(np.nextafter(1.0, 0.0))])
def test_every_ticket_finds_an_item_with_weight(ticket, monkeypatch):
    monkeypatch.setattr(torch, "rand", lambda *a, **k: double([ticket]))
    for weight in ([0.0, 1e-300, 0.0], [0.0] + [0.1] * 10 + [0.0] * 3, [3, 0.0, 3, 0]):
        item = int(WeightedDraws(double(weight)).draw(1, generator(0)))
        assert weight[item] > 0


@pytest.mark.parametrize("count", [1, 2, 4])
def test_factors_make_sums_unbiased(count, every_outcome):
    weight = double([1.0, 0.0, 2.0, 3.0, 1.0, 0.5])
    value = double([2.0, 0.0, -1.0, 3.0, 1.0, 7.0])
    draws = WeightedDraws(weight)
    mean = square = 0.0
    for chance, (items, factor) in every_outcome(lambda: draws.sample(count, None)):
        assert items.equal(items.unique())
        estimate = float((factor * value[items]).sum())
        mean += chance * estimate
        square += chance * estimate**2
    assert mean == pytest.approx(float(value.sum()))
    # of independent draws: Var = (sum z^2 / q - (sum z)^2) / s
    some = weight > 0
    spread = (value[some] ** 2 / draws.probability[some]).sum() - value.sum() ** 2
    assert square - mean**2 == pytest.approx(float(spread / count))


def test_factors_by_hand():
    draws = WeightedDraws(double([3.0, 1.0]))
    items, factor = draws.sample(1, generator(0))
    assert factor.tolist() == [{0: 4 / 3, 1: 4.0}[int(items)]]


@given(
    st.lists(st.floats(0, 100, allow_subnormal=False), max_size=8), st.integers(8, 20)
)
@settings(max_examples=25, deadline=None)
def test_enough_draws_take_all(weight, count):
    items, factor = WeightedDraws(double(weight)).sample(count, generator(0))
    assert items.tolist() == [i for i, w in enumerate(weight) if w > 0]
    assert (factor == 1).all()
