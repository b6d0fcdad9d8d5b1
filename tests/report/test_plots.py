import math

import pytest

from graphllm.report.figures import NARROW, WIDE, drawing
from graphllm.report.numbers import spread_of
from graphllm.report.plots import (
    MAX_POINTS,
    Row,
    bin_names,
    curves,
    degree_bars,
    degree_bins,
    dots,
    thin,
)
from graphllm.report.style import light


def drawn(draw, width=WIDE):
    with drawing():
        return draw(width)


def test_dots_show_each_seed_the_mean_and_the_deviation():
    row = Row("arm", "method", spread_of([0.5, 0.7, None]))
    axes = drawn(dots([row], factor=100, unit="%", reference=0.4)).axes[0]
    bar, mean, seeds, reference = (list(line.get_xdata()) for line in axes.lines)
    assert mean == pytest.approx([60])
    assert seeds == pytest.approx([50, 70])
    std = 100 * math.sqrt(2 * 0.1**2)
    assert bar == pytest.approx([60 - std, 60 + std])
    assert reference == pytest.approx([40, 40])
    heights = list(axes.lines[2].get_ydata())
    assert len(set(heights)) == 2


def test_one_seed_is_one_dot():
    row = Row("arm", "method", spread_of([0.5]))
    axes = drawn(dots([row], factor=1, unit="x", reference=None)).axes[0]
    assert [len(line.get_xdata()) for line in axes.lines] == [2, 1]


def test_labels_stand_beside_the_dots_or_above_them():
    row = Row("a long name", "method", spread_of([1.0, 2.0]))
    draw = dots([row], factor=1, unit="x", reference=None)
    wide, narrow = drawn(draw).axes[0], drawn(draw, NARROW).axes[0]
    assert [label.get_text() for label in wide.get_yticklabels()] == ["a long name"]
    assert [text.get_text() for text in narrow.texts] == ["a long name"]


def test_curves_have_a_panel_an_arm_and_the_baseline_behind():
    series = {"val_acc": {"plain": [0.1, 0.2], "b": [0.3, 0.4]}, "loss": {"b": [2.0]}}
    figure = drawn(curves(series, {"plain": "baseline", "b": "control"}, "plain"))
    first, second, third = (axes for axes in figure.axes if axes.get_visible())
    assert [axes.get_title("left") for axes in (first, second, third)] == [
        "plain",
        "b",
        "b",
    ]
    assert list(first.lines[0].get_ydata()) == pytest.approx([10, 20])
    behind, own = second.lines
    assert behind.get_color() == light("baseline")
    assert own.get_color() == light("control")
    assert list(own.get_ydata()) == pytest.approx([30, 40])
    assert list(third.lines[0].get_ydata()) == [2.0]


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_epochs_are_labelled_below_the_lowest_panel_of_each_column(width):
    arms = {f"arm{i}": [1.0, 2.0, 3.0] for i in range(5)}
    figure = drawn(curves({"loss": arms}, {}, None), width)
    columns = 4 if width == WIDE else 2
    labelled = [axes.xaxis.get_tick_params()["labelbottom"] for axes in figure.axes[:5]]
    assert labelled == [place + columns >= 5 for place in range(5)]


def test_thin_keeps_gaps_and_limits_points():
    epochs, values = thin([0.5, None, math.inf], 100)
    assert epochs == [1, 2, 3]
    assert values[0] == 50
    assert all(math.isnan(value) for value in values[1:])
    epochs, values = thin(list(range(10_000)))
    assert len(epochs) <= MAX_POINTS
    assert [epoch - 1 for epoch in epochs] == values


def test_degree_bins_by_hand():
    counts = {0: 1, 1: 2, 2: 3, 3: 4, 4: 5, 7: 6, 8: 7, 1000: 8}
    assert degree_bins(counts, 5) == [1, 2, 7, 11, 15]
    assert bin_names(5) == ["0", "1", "2–3", "4–7", "8+"]
    assert bin_names(3) == ["0", "1", "2+"]


def test_degree_bars_are_shares():
    axes = drawn(degree_bars([0, 1, 3], [2, 2, 0])).axes[0]
    heights = [bar.get_height() for bar in axes.patches]
    assert heights == pytest.approx([50, 50, 0, 0, 25, 75])


def test_degree_bars_without_the_others():
    axes = drawn(degree_bars([0, 1, 3], [0, 0, 0])).axes[0]
    assert [bar.get_height() for bar in axes.patches] == pytest.approx([0, 25, 75])
