"""The plot of Graph Ladling: gain by number of ingredients, and loss barriers."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graphllm.report.figures import WIDE, Draw, legend_below
from graphllm.report.numbers import fields, finite
from graphllm.report.style import light

_DASHED = (0, (4, 3))
_LINE: dict[str, Any] = {"lw": 1.6, "marker": "o", "ms": 4}
# What is drawn last is on top.
_GAINS: dict[str, dict[str, Any]] = {
    "mean_ingredient": {**_LINE, "color": light("baseline"), "ls": _DASHED},
    "best_by_validation": {**_LINE, "color": light("baseline")},
    "uniform": {**_LINE, "color": light("method"), "ls": _DASHED},
    "gis": {**_LINE, "color": light("method"), "lw": 2.2},
}
_GAIN_NAMES = {
    "mean_ingredient": "mean ingredient",
    "best_by_validation": "best ingredient",
}
_BARRIERS = {
    "different": ("own initial weights", "control"),
    "shared": ("shared initial weights", "method"),
}


def ladling_plot(study: Mapping[str, Any]) -> Draw | None:
    """Test accuracy by number of ingredients; loss between two of them.

    Args:
        study (Mapping): ``details["study"]`` of
            :func:`graphllm.experiments.ladling.run_ladling`.

    Returns:
        Callable: Width in inches to figure; nothing where there is nothing to draw.
    """
    panels: list[Callable[[Axes], None]] = []
    if gains := gains_of(study):
        panels.append(partial(_gain, gains))
    if barriers := barriers_of(study):
        panels.append(partial(_barrier, barriers))
    if not panels:
        return None

    def draw(width: float) -> Figure:
        wide = width >= WIDE
        height = 4.6 if wide else 4.2 * len(panels)
        figure = Figure(figsize=(width, height), layout="constrained")
        shape = (1, len(panels)) if wide else (len(panels), 1)
        axes = figure.subplots(*shape, squeeze=False).flat
        for panel, paint in zip(axes, panels, strict=True):
            paint(panel)
        return figure

    return draw


Point = tuple[float, float, float]
Curve = tuple[Sequence[float], Sequence[float]]


def gains_of(study: Mapping[str, Any]) -> dict[str, list[Point]]:
    """Arm to number of ingredients, mean and deviation in percent."""
    lines: dict[str, list[Point]] = {}
    rows = study.get("gain")
    for row in rows if isinstance(rows, list | tuple) else []:
        number = finite(fields(row).get("num_ingredients"))
        for arm in _GAINS if number is not None else ():
            entry = fields(row.get(arm))
            mean, std = finite(entry.get("mean")), finite(entry.get("std"))
            if number is not None and mean is not None:
                point = (number, 100 * mean, 100 * (std or 0.0))
                lines.setdefault(arm, []).append(point)
    return lines


def barriers_of(study: Mapping[str, Any]) -> dict[str, Curve]:
    """Kind of start to places on the line between two ingredients, and losses."""
    found: dict[str, Curve] = {}
    for kind in _BARRIERS:
        entry = fields(fields(study.get("barriers")).get(kind))
        alphas, losses = entry.get("alphas") or [], entry.get("losses") or []
        if len(alphas) > 1 and len(alphas) == len(losses):
            if all(finite(each) is not None for each in (*alphas, *losses)):
                found[kind] = alphas, losses
    return found


def _gain(lines: Mapping[str, Sequence[Point]], axes: Axes) -> None:
    for arm, style in _GAINS.items():
        if arm not in lines:
            continue
        number, middle, spread = map(np.asarray, zip(*lines[arm], strict=True))
        axes.plot(number, middle, label=_GAIN_NAMES.get(arm, arm), **style)
        if arm == "gis":
            low, high = middle - spread, middle + spread
            axes.fill_between(number, low, high, color=style["color"], alpha=0.13, lw=0)
    axes.locator_params(axis="x", integer=True)
    axes.set_xlabel("ingredients")
    axes.set_title("test accuracy, %")
    legend_below(axes, axes.get_legend_handles_labels()[0][::-1], columns=2)


def _barrier(curves: Mapping[str, Curve], axes: Axes) -> None:
    for kind, (alphas, losses) in curves.items():
        label, role = _BARRIERS[kind]
        axes.plot(alphas, losses, color=light(role), lw=2.0, label=label)
    axes.set_xticks([0, 0.5, 1], ["second", "half and half", "first"])
    axes.margins(x=0.08)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("between two ingredients")
    axes.set_title("validation loss")
    legend_below(axes, axes.get_legend_handles_labels()[0][::-1], columns=1)
