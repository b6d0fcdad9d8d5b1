"""The plots of a report: dots with intervals, training curves, degrees."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graphllm.report.figures import WIDE, Draw, clip
from graphllm.report.numbers import Spread, finite, is_share, scale
from graphllm.report.style import light

MAX_POINTS = 300
PANEL = 1.5  # height of a curve panel, in inches


@dataclass(frozen=True)
class Row:
    """One line of a dot plot."""

    label: str
    role: str
    spread: Spread


# Keeps a label legible where it lies on a line.
_BACKING = {"fc": light("paper"), "ec": "none", "pad": 1.0, "alpha": 0.85}


def dots(
    rows: Sequence[Row], *, factor: float, unit: str, reference: float | None
) -> Draw:
    """One line an arm: a small dot a seed, a large one for the mean, a bar of ± std.

    Args:
        rows (Sequence[Row]): From top to bottom.
        factor (float): From stored to shown numbers.
        unit (str): Label of the axis.
        reference (float, optional): Where to draw the line of the baseline.
    """

    def draw(width: float) -> Figure:
        narrow = width < WIDE
        step = 0.62 if narrow else 0.46
        height = step * len(rows) + 0.75
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots()
        for place, row in enumerate(rows):
            _dot_row(axes, place, row, factor)
        if reference is not None:
            axes.axvline(
                reference * factor, color=light("baseline"), lw=1.2, ls=(0, (4, 3))
            )
        axes.set_ylim(len(rows) - 0.4, -0.75 if narrow else -0.6)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(unit)
        axes.margins(x=0.04)
        labels = [clip(row.label, 44 if narrow else 34) for row in rows]
        axes.set_yticks(range(len(rows)), [] if narrow else labels)
        axes.tick_params(axis="y", labelcolor=light("ink"))
        if narrow:
            edge = axes.get_yaxis_transform()
            for place, label in enumerate(labels):
                axes.text(
                    0, place - 0.2, label, transform=edge, va="bottom", bbox=_BACKING
                )
        return figure

    return draw


def _dot_row(axes: Axes, place: int, row: Row, factor: float) -> None:
    color = light(row.role)
    values = [value * factor for value in row.spread.finite]
    # Below the bar, each seed at its own height: equal values do not hide each other.
    lift = np.linspace(0.2, 0.36, len(values)) if len(values) > 1 else [0.0]
    mean, std = row.spread.mean * factor, (row.spread.std or 0.0) * factor
    axes.plot([mean - std, mean + std], [place, place], color=color, lw=2.4, alpha=0.55)
    axes.plot(mean, place, "o", ms=9, color=color)
    if len(values) > 1:
        axes.plot(
            values,
            [place + offset for offset in lift],
            "o",
            ms=4.2,
            mfc=light("paper"),
            mec=color,
            mew=1.1,
        )


def curves(
    series: Mapping[str, Mapping[str, Sequence[object]]],
    roles: Mapping[str, str],
    baseline: str | None,
) -> Draw:
    """Training curves as small multiples: one block a quantity, one panel an arm.

    Args:
        series (Mapping): Quantity to arm to one number an epoch.
        roles (Mapping): Arm to role, for the colour.
        baseline (str, optional): Arm drawn in grey behind all others.
    """

    def draw(width: float) -> Figure:
        columns = min(2 if width < WIDE else 4, max(map(len, series.values())))
        rows = [math.ceil(len(arms) / columns) for arms in series.values()]
        # Margins are set by hand: a layout engine takes seconds for that many panels.
        height = PANEL * sum(rows) + 0.5 * len(rows)
        figure = Figure(figsize=(width, height))
        top = height
        for count, (name, arms) in zip(rows, series.items(), strict=True):
            bottom = top - PANEL * count - 0.5
            grid = figure.add_gridspec(
                count,
                columns,
                left=0.78 / width,
                right=1 - 0.1 / width,
                top=(top - 0.3) / height,
                bottom=(bottom + 0.55) / height,
                hspace=0.45,
                wspace=0.12,
            ).subplots(sharex=True, sharey=True, squeeze=False)
            _curve_block(grid, name, arms, roles, baseline)
            figure.text(
                0.08 / width,
                (top + bottom) / 2 / height,
                f"{name}, %" if is_share(name) else name,
                color=light("muted"),
                rotation=90,
                va="center",
            )
            top = bottom
        return figure

    return draw


def _curve_block(
    grid: Any,
    name: str,
    arms: Mapping[str, Sequence[object]],
    roles: Mapping[str, str],
    baseline: str | None,
) -> None:
    panels, columns = list(grid.flat), grid.shape[1]
    lines = {arm: thin(values, scale(name)) for arm, values in arms.items()}
    behind = lines.get(baseline) if baseline is not None else None
    for place, (arm, line) in enumerate(lines.items()):
        panel = panels[place]
        if behind is not None and arm != baseline:
            panel.plot(*behind, color=light("baseline"), lw=1.1, alpha=0.7)
        panel.plot(*line, color=light(roles.get(arm, "method")), lw=1.7)
        panel.set_title(clip(arm, 22))
        panel.locator_params(nbins=4)
        panel.tick_params(labelbottom=place + columns >= len(lines))
    for panel in panels[len(lines) :]:
        panel.set_visible(False)
    if is_share(name):
        # The first epochs would squeeze what matters into a sliver.
        heights = [height for _, line in lines.values() for height in line]
        panels[0].set_ylim(bottom=float(np.nanpercentile(heights, 10)))


def degree_bars(selected: Sequence[float], others: Sequence[float]) -> Draw:
    """Share of nodes by degree, selected nodes against all others.

    Args:
        selected (Sequence[float]): Nodes a bin, see :func:`degree_bins`.
        others (Sequence[float]): The same for the rest; may be all zero.
    """
    names = bin_names(len(selected))

    def draw(width: float) -> Figure:
        figure = Figure(figsize=(width, 2.7), layout="constrained")
        axes = figure.subplots()
        place = np.arange(len(names))
        pairs = [("other nodes", others, "baseline"), ("selected", selected, "method")]
        shown = [pair for pair in pairs if sum(pair[1]) > 0]
        wide = 0.8 / len(shown)
        for index, (label, counts, role) in enumerate(shown):
            share = 100 * np.asarray(counts, dtype=float) / sum(counts)
            offset = (index - (len(shown) - 1) / 2) * wide
            axes.bar(place + offset, share, wide * 0.92, color=light(role), label=label)
        axes.set_xticks(place, names, rotation=0 if width >= WIDE else 45)
        axes.set_xlabel("degree")
        axes.set_ylabel("% of nodes")
        axes.grid(axis="x", visible=False)
        axes.legend(frameon=False, loc="upper right")
        return figure

    return draw


def degree_bins(counts: Mapping[int, float], num_bins: int) -> list[float]:
    """Nodes in the bins 0, 1, 2-3, 4-7, 8-15, ...; the last bin is open."""
    bins = [0.0] * num_bins
    for degree, count in counts.items():
        bins[min(degree.bit_length(), num_bins - 1)] += count
    return bins


def bin_names(num_bins: int) -> list[str]:
    """Titles of the bins of :func:`degree_bins`; at least three of them."""
    names = ["0", "1"]
    names += [f"{2 ** (b - 1)}–{2**b - 1}" for b in range(2, num_bins - 1)]
    return [*names[: num_bins - 1], f"{2 ** (num_bins - 2)}+"]


def thin(
    values: Sequence[object], factor: float = 1.0
) -> tuple[list[int], list[float]]:
    """Epochs and values of a curve, at most :obj:`MAX_POINTS` of them."""
    step = max(1, math.ceil(len(values) / MAX_POINTS))
    epochs = list(range(0, len(values), step))
    numbers = [finite(values[epoch]) for epoch in epochs]
    return [epoch + 1 for epoch in epochs], [
        math.nan if number is None else factor * number for number in numbers
    ]
