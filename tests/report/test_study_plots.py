import math

import pytest

from graphllm.report.figures import NARROW, WIDE, drawing
from graphllm.report.study_plots import (
    Curve,
    Mark,
    Panel,
    budget_panels,
    lift_dots,
    slice_panels,
)
from graphllm.report.style import light


def lift(mean, low=None, high=None):
    return {"mean": mean, "std": 0.0, "n": 5, "low": low, "high": high, "wins": 0}


def drawn(draw, width=WIDE):
    with drawing():
        return draw(width)


def test_lifts_have_a_dot_and_a_bar():
    rows = [("a", [Mark(lift(0.02, 0.01, 0.03))]), ("b", [Mark(lift(-0.01))])]
    axes = drawn(lift_dots(rows)).axes[0]
    zero, bar, dot, lone = (list(line.get_xdata()) for line in axes.lines)
    assert zero == [0, 0]
    assert bar == pytest.approx([1, 3])
    assert dot == pytest.approx([2])
    assert lone == pytest.approx([-1])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]


def test_two_marks_of_a_row_lie_apart_and_look_different():
    marks = [Mark(lift(0.01)), Mark(lift(0.01), "control", filled=False)]
    _, first, second = drawn(lift_dots([("a", marks)]), NARROW).axes[0].lines
    assert first.get_ydata()[0] < 0 < second.get_ydata()[0]
    assert first.get_markerfacecolor() == light("method")
    assert second.get_markerfacecolor() == light("paper")
    assert second.get_markeredgecolor() == light("control")


def test_a_difference_that_is_missing_is_not_drawn():
    axes = drawn(lift_dots([("a", [Mark(lift(math.nan))])])).axes[0]
    assert len(axes.lines) == 1


@pytest.mark.parametrize(("width", "visible"), [(WIDE, 3), (NARROW, 3)])
def test_slices_have_a_panel_a_property(width, visible):
    bins = [("0 – 1", [Mark(lift(0.02, 0.0, 0.04))]), ("2", [Mark(lift(0.01))])]
    figure = drawn(slice_panels({"x": bins, "y": bins, "z": bins}), width)
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert len(panels) == visible
    assert [axes.get_title("left") for axes in panels] == ["x", "y", "z"]
    bar = panels[0].lines[1]
    assert list(bar.get_ydata()) == pytest.approx([0, 4])
    assert list(bar.get_xdata()) == [0, 0]


def test_one_wild_interval_does_not_hide_the_others():
    tame = [(str(i), [Mark(lift(0.01, 0.0, 0.02))]) for i in range(9)]
    wild = ("w", [Mark(lift(0.03, -2.0, 2.0))])
    low, high = drawn(slice_panels({"x": [*tame, wild]})).axes[0].get_ylim()
    assert low == -high
    assert 3 < high < 10


def test_budget_curves_begin_at_plain():
    own = Curve([0.5, 0.6], [lift(0.1, 0.05, 0.15), lift(0.2, 0.1, 0.3)])
    chance = Curve([0.45, 0.4], [lift(0.05), lift(0.0)])
    panels = [Panel("s", {"ellagnn": own, "llm_at_test": chance})]
    draw = budget_panels(panels, ["5", "10"], {"ellagnn": chance}, 0.4, "budget")
    axes = drawn(draw).axes[0]
    plain, random, free, at_test = axes.lines
    assert list(plain.get_ydata()) == pytest.approx([40, 40])
    assert list(random.get_ydata()) == pytest.approx([40, 45, 40])
    assert random.get_color() == light("control")
    assert list(free.get_ydata()) == pytest.approx([40, 50, 60])
    assert list(at_test.get_ydata()) == pytest.approx([40, 45, 40])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "5", "10"]
    (band,) = axes.collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert heights.min() == pytest.approx(40)
    assert heights.max() == pytest.approx(70)


def test_one_seed_has_no_band():
    own = Curve([0.5], [lift(0.1)])
    draw = budget_panels([Panel("s", {"ellagnn": own})], ["5"], {}, 0.4, "budget")
    assert not drawn(draw).axes[0].collections


@pytest.mark.parametrize(("width", "columns"), [(WIDE, 4), (NARROW, 2)])
def test_budgets_are_labelled_below_the_lowest_panel(width, columns):
    curve = Curve([0.5], [lift(0.1)])
    panels = [Panel(str(i), {"ellagnn": curve}) for i in range(6)]
    figure = drawn(budget_panels(panels, ["5"], {}, 0.4, "budget"), width)
    labelled = [axes.xaxis.get_tick_params()["labelbottom"] for axes in figure.axes[:6]]
    assert labelled == [place + columns >= 6 for place in range(6)]
