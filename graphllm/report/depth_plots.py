"""The plots of the depth study: measures by layers, gradient flow by step."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from graphllm.evaluate import Result
from graphllm.report.figures import WIDE, Draw, clip
from graphllm.report.numbers import fields, finite, measured
from graphllm.report.style import light

# One colour a backbone; plain and enhanced networks differ by line and marker.
_COLORS = ("method", "control", "bound", "good", "bad", "baseline")
_PANELS = {
    "test_acc": "test accuracy, %",
    "gradient_flow": "gradient flow",
    "dirichlet_energy": "Dirichlet energy",
}
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
FLOOR = 1e-12  # where a logarithmic axis ends
MAX_STEPS = 200

Row = Mapping[str, Any]


def study_rows(result: Result) -> list[Row]:
    """The rows of a depth study that can be placed in a plot."""
    study = fields(result.details.get("study"))
    if study.get("kind") != "depth":
        return []
    return [
        row
        for row in study.get("rows") or []
        if isinstance(row, Mapping) and row.get("network") and finite(row.get("depth"))
    ]


def depth_plot(result: Result) -> Draw:
    """Accuracy, gradient flow and Dirichlet energy by layers, one line a network.

    Args:
        result (Result): A depth study.
    """
    rows = study_rows(result)

    def draw(width: float) -> Figure:
        wide = width >= WIDE
        figure = Figure(figsize=(width, 3.9 if wide else 8.6), layout="constrained")
        panels = figure.subplots(
            1 if wide else len(_PANELS), len(_PANELS) if wide else 1, squeeze=False
        )
        for axes, (metric, title) in zip(panels.flat, _PANELS.items(), strict=True):
            for network, style in _styles(rows).items():
                _line(axes, result, network, metric, style)
            _depth_axis(axes, sorted({row["depth"] for row in rows}))
            axes.set_title(title)
            if metric != "test_acc":
                _powers_of_ten(axes)
        _legend(figure, rows, columns=3 if wide else 2)
        return figure

    return draw


def flow_plot(result: Result) -> Draw:
    """Gradient flow by training step, one panel a depth, one line a network.

    Args:
        result (Result): A depth study.
    """
    rows = study_rows(result)
    depths = sorted({row["depth"] for row in rows})
    styles = _styles(rows)

    def draw(width: float) -> Figure:
        columns = min(3 if width >= WIDE else 2, len(depths))
        lines = math.ceil(len(depths) / columns)
        figure = Figure(figsize=(width, 1.9 * lines + 0.9), layout="constrained")
        panels = list(
            figure.subplots(
                lines, columns, squeeze=False, sharex=True, sharey=True
            ).flat
        )
        for axes, depth in zip(panels, depths, strict=False):
            _powers_of_ten(axes)
            axes.set_title(f"{depth} layers")
            for row in rows:
                if row["depth"] == depth:
                    flow = _floored((row.get("flow_curve") or [])[:MAX_STEPS])
                    style = {**styles[row["network"]], "marker": ""}
                    axes.plot(range(1, len(flow) + 1), flow, **style)
        for axes in panels[len(depths) :]:
            axes.set_visible(False)
        figure.supxlabel("training step", color=light("muted"), fontsize=11)
        _legend(figure, rows, columns=3 if width >= WIDE else 2)
        return figure

    return draw


def _styles(rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """How the line of each network looks."""
    backbones = list(dict.fromkeys(row.get("backbone") for row in rows))
    styles = {}
    for row in rows:
        place = backbones.index(row.get("backbone"))
        color, enhanced = (
            light(_COLORS[place % len(_COLORS)]),
            bool(row.get("enhanced")),
        )
        styles[str(row["network"])] = {
            "color": color,
            "ls": "-" if enhanced else (0, (4, 3)),
            "lw": 1.8 if enhanced else 1.4,
            "marker": "o",
            "ms": 5,
            "mfc": color if enhanced else light("paper"),
            "mec": color,
        }
    return styles


def _line(
    axes: Axes, result: Result, network: str, metric: str, style: Mapping[str, Any]
) -> None:
    points = []
    for row in study_rows(result):
        spread = measured(result, str(row.get("arm")), metric)
        if row["network"] == network and spread is not None:
            points.append((row["depth"], spread.mean, spread.std or 0.0))
    if not points:
        return
    depth, mean, std = map(np.asarray, zip(*sorted(points), strict=True))
    if metric != "test_acc":
        axes.plot(depth, _floored(mean), **style)
        return
    axes.fill_between(
        depth,
        100 * (mean - std),
        100 * (mean + std),
        color=style["color"],
        alpha=0.12,
        lw=0,
    )
    axes.plot(depth, 100 * mean, **style)


def _floored(values: Iterable[Any]) -> list[float]:
    numbers = [finite(float(v)) if v is not None else None for v in values]
    return [math.nan if number is None else max(number, FLOOR) for number in numbers]


def _depth_axis(axes: Axes, depths: Sequence[Any]) -> None:
    axes.set_xscale("log", base=2)
    axes.set_xticks(depths, [str(depth) for depth in depths])
    axes.minorticks_off()
    axes.set_xlabel("layers")


def _powers_of_ten(axes: Axes) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(numticks=6))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _power(value)))


def _power(value: float) -> str:
    # House style draws text as it is, without mathematical markup.
    exponent = str(round(math.log10(value))).translate(_RAISED)
    return f"10{exponent}"


def _legend(figure: Figure, rows: Sequence[Row], columns: int) -> None:
    styles = _styles(rows)
    figure.legend(
        [Line2D([], [], **style) for style in styles.values()],
        [clip(network, 24) for network in styles],
        loc="outside upper left",
        ncols=columns,
        frameon=False,
    )
