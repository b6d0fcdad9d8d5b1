"""The plots of studies: budget curves, lifts with intervals, slices."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graphllm.report.figures import WIDE, Draw, clip
from graphllm.report.lifts import Lift
from graphllm.report.numbers import finite
from graphllm.report.style import light

PANEL = 1.75  # height of a panel, in inches
DASHED = (0, (4, 3))
DOTTED = (0, (1.5, 1.5))


@dataclass(frozen=True)
class Mark:
    """One measured difference: its colour, and whether its dot is filled."""

    lift: Lift
    role: str = "method"
    filled: bool = True


@dataclass(frozen=True)
class Curve:
    """Accuracy against budget; the lifts over the baseline carry the intervals."""

    acc: Sequence[float]
    lifts: Sequence[Lift]


@dataclass(frozen=True)
class Panel:
    """The curves of one selector, by the name of their view."""

    title: str
    curves: Mapping[str, Curve] = field(default_factory=dict)


def lift_dots(rows: Sequence[tuple[str, Sequence[Mark]]]) -> Draw:
    """One line a row: dots for the differences, bars for their intervals.

    Args:
        rows (Sequence): Label and marks, from top to bottom.
    """

    def draw(width: float) -> Figure:
        narrow = width < WIDE
        step = 0.62 if narrow else 0.4
        figure = Figure(figsize=(width, step * len(rows) + 0.8), layout="constrained")
        axes = figure.subplots()
        axes.axvline(0, color=light("baseline"), lw=1.2, ls=DASHED)
        for place, (_, marks) in enumerate(rows):
            for index, mark in enumerate(marks):
                offset = 0.24 * (index - (len(marks) - 1) / 2)
                _mark(axes, place + offset, mark, flat=True)
        axes.set_ylim(len(rows) - 0.45, -0.8 if narrow else -0.55)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("percentage points over plain")
        labels = [clip(label, 44 if narrow else 34) for label, _ in rows]
        axes.set_yticks(range(len(rows)), [] if narrow else labels)
        axes.tick_params(axis="y", labelcolor=light("ink"))
        if narrow:
            edge = axes.get_yaxis_transform()
            for place, label in enumerate(labels):
                axes.text(0, place - 0.24, label, transform=edge, va="bottom")
        return figure

    return draw


def slice_panels(
    panels: Mapping[str, Sequence[tuple[str, Sequence[Mark]]]], columns: int = 2
) -> Draw:
    """Differences by bin, one panel a property.

    Args:
        panels (Mapping): Property to bins, each a name and its marks.
        columns (int, optional): Panels side by side where there is room.
            (default: :obj:`2`)
    """

    def draw(width: float) -> Figure:
        across = min(columns if width >= WIDE else 1, len(panels))
        down = math.ceil(len(panels) / across)
        figure = Figure(figsize=(width, 2.1 * down + 0.2), layout="constrained")
        grid = figure.subplots(down, across, squeeze=False, sharey=True)
        for axes, (title, bins) in zip(grid.flat, panels.items(), strict=False):
            axes.axhline(0, color=light("baseline"), lw=1.2, ls=DASHED)
            for place, (_, marks) in enumerate(bins):
                for index, mark in enumerate(marks):
                    offset = 0.2 * (index - (len(marks) - 1) / 2)
                    _mark(axes, place + offset, mark, flat=False)
            axes.set_title(title)
            axes.set_xticks(range(len(bins)), [clip(name, 13) for name, _ in bins])
            axes.set_xlim(-0.5, len(bins) - 0.5)
            axes.tick_params(axis="x", labelsize=9)
            axes.grid(axis="x", visible=False)
        for axes in list(grid.flat)[len(panels) :]:
            axes.set_visible(False)
        bins = [bin_ for found in panels.values() for bin_ in found]
        reach = _reach([mark.lift for _, marks in bins for mark in marks])
        grid[0, 0].set_ylim(-reach, reach)
        figure.supylabel("points over plain", color=light("muted"), fontsize=11)
        return figure

    return draw


def _reach(lifts: Sequence[Lift]) -> float:
    """Half the height that shows every mean and most of the intervals."""
    means = [abs(finite(lift.get("mean")) or 0.0) for lift in lifts]
    ends = [abs(finite(lift.get(k)) or 0.0) for lift in lifts for k in ("low", "high")]
    return 115 * max(*means, float(np.quantile(ends, 0.8)), 0.005)


def _mark(axes: Axes, place: float, mark: Mark, *, flat: bool) -> None:
    color = light(mark.role)
    mean, low, high = (finite(mark.lift.get(key)) for key in ("mean", "low", "high"))
    if mean is None:
        return
    if low is not None and high is not None:
        ends = ([100 * low, 100 * high], [place, place])
        axes.plot(*(ends if flat else ends[::-1]), color=color, lw=2.2, alpha=0.55)
    spot = ([100 * mean], [place])
    axes.plot(
        *(spot if flat else spot[::-1]),
        "o",
        ms=7,
        mec=color,
        mew=1.6,
        mfc=color if mark.filled else light("paper"),
    )


def budget_panels(
    panels: Sequence[Panel],
    budgets: Sequence[str],
    chance: Mapping[str, Curve],
    plain: float,
    unit: str,
) -> Draw:
    """Accuracy against budget, one panel a selector.

    Args:
        panels (Sequence[Panel]): The selectors.
        budgets (Sequence[str]): Labels of the axis, without that of ``plain``.
        chance (Mapping[str, Curve]): The curves of random nodes, drawn behind.
        plain (float): Accuracy without a language model: the point at 0.
        unit (str): Label of the axis.
    """
    places = list(range(len(budgets) + 1))

    def heights(curve: Curve) -> list[float]:
        return [100 * plain, *(100 * acc for acc in curve.acc)]

    seen = [y for panel in panels for c in panel.curves.values() for y in heights(c)]
    seen += [y for curve in chance.values() for y in heights(curve)]
    margin = 0.12 * (max(seen) - min(seen)) or 1.0

    def draw(width: float) -> Figure:
        across = min(4 if width >= WIDE else 2, len(panels))
        down = math.ceil(len(panels) / across)
        figure = Figure(figsize=(width, PANEL * down + 0.5), layout="constrained")
        grid = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True)
        for place, (axes, panel) in enumerate(zip(grid.flat, panels, strict=False)):
            axes.axhline(100 * plain, color=light("baseline"), lw=1.2, ls=DASHED)
            for view, curve in chance.items():
                style = "-" if view == "ellagnn" else DOTTED
                color = light("control")
                axes.plot(places, heights(curve), color=color, lw=1.1, ls=style)
            for view, curve in panel.curves.items():
                _budget_line(axes, view, heights(curve), curve, 100 * plain)
            axes.set_title(clip(panel.title, 22))
            axes.tick_params(labelsize=8, labelbottom=place + across >= len(panels))
        for axes in list(grid.flat)[len(panels) :]:
            axes.set_visible(False)
        grid[0, 0].set_ylim(min(seen) - margin, max(seen) + margin)
        grid[0, 0].set_xticks(places, ["0", *budgets])
        figure.supxlabel(unit, color=light("muted"), fontsize=11)
        figure.supylabel("test_acc, %", color=light("muted"), fontsize=11)
        return figure

    return draw


def _budget_line(
    axes: Axes, view: str, heights: Sequence[float], curve: Curve, plain: float
) -> None:
    color, free = light("method"), view == "ellagnn"
    places = list(range(len(heights)))
    if free:
        ends = [
            [finite(lift.get(key)) for lift in curve.lifts] for key in ("low", "high")
        ]
        if all(end is not None for side in ends for end in side):
            low, high = ([plain, *(plain + 100 * (e or 0.0) for e in s)] for s in ends)
            axes.fill_between(places, low, high, color=color, alpha=0.13, lw=0)
    axes.plot(
        places,
        heights,
        color=color,
        lw=1.8 if free else 1.5,
        ls="-" if free else DOTTED,
        marker="o",
        ms=3.6,
        mfc=color if free else light("paper"),
    )
