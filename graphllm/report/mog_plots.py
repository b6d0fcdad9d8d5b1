"""The plot of the MoG experiment: accuracy and speed by share of edges removed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from graphllm.evaluate import Result
from graphllm.report.arms import baseline_of
from graphllm.report.figures import WIDE, Draw, legend_below
from graphllm.report.numbers import finite, measured
from graphllm.report.style import light

_DASHED, _DOTTED = (0, (4, 3)), (0, (1.5, 1.5))
_THIN: dict[str, Any] = {"color": light("baseline"), "lw": 1.0, "alpha": 0.55}
_BOLD: dict[str, Any] = {"color": light("method"), "lw": 2.2, "marker": "o", "ms": 5}
# How the lines of a family look, beside the method itself and all others.
_STYLES: dict[str, dict[str, Any]] = {
    "random": {"color": light("control"), "lw": 1.6, "marker": "o", "ms": 4},
    "random_capped": {
        **{"color": light("control"), "lw": 1.4, "marker": "o", "ms": 4},
        "ls": _DASHED,
    },
    "mog_refit": {"color": light("bound"), "lw": 1.6, "marker": "o", "ms": 4},
    "ugs": {"color": light("good"), "lw": 1.4, "marker": "o", "ms": 4},
}
_SECOND = {"color": light("method"), "lw": 1.5, "ls": _DASHED, "marker": "o", "ms": 4}
_SPEEDS = {
    "gnn_ms": ("the network alone", "-"),
    "amortised_ms": ("thinning once in 100", _DASHED),
    "end_to_end_ms": ("thinning every time", _DOTTED),
}


def mog_plot(result: Result, study: Mapping[str, Any]) -> Draw | None:
    """Accuracy of every arm and speed of MoG, by share of edges removed.

    Args:
        result (Result): Of :func:`graphllm.experiments.mog.run_mog`.
        study (Mapping): Its ``details["study"]``.

    Returns:
        Callable: Width in inches to figure; nothing where there is no arm to draw.
    """
    lines = _lines(result, study)
    if not lines:
        return None

    def draw(width: float) -> Figure:
        wide = width >= WIDE
        figure = Figure(figsize=(width, 4.6 if wide else 8.4), layout="constrained")
        shape = (1, 2) if wide else (2, 1)
        left, right = figure.subplots(*shape, squeeze=False).flat
        _accuracy(left, result, lines, str(study.get("main")))
        _speed(right, study.get("timing") or [])
        return figure

    return draw


Line = Sequence[tuple[float, float, float]]


def _lines(result: Result, study: Mapping[str, Any]) -> dict[str, Line]:
    """Family to sparsity, mean and deviation of the accuracy."""
    lines: dict[str, list[tuple[float, float, float]]] = {}
    rows = study.get("rows")
    for row in rows if isinstance(rows, list | tuple) else []:
        if not isinstance(row, Mapping):
            continue
        spread = measured(result, str(row.get("arm")), "test_acc")
        share = finite(row.get("sparsity"))
        if spread is not None and share is not None:
            point = (100 * share, 100 * spread.mean, 100 * (spread.std or 0.0))
            lines.setdefault(str(row.get("family")), []).append(point)
    return {family: sorted(points) for family, points in lines.items()}


def _style(family: str, main: str) -> dict[str, Any] | None:
    if family == main:
        return _BOLD
    if family in _STYLES:
        return _STYLES[family]
    return _SECOND if family in ("mog", "mog_vote", "mog_gated_mean") else None


def _accuracy(axes: Axes, result: Result, lines: Mapping[str, Line], main: str) -> None:
    named: list[Line2D] = []
    base = baseline_of(result)
    dense = None if base is None else measured(result, base, "test_acc")
    if dense is not None:
        color = light("ink")
        mean, std = 100 * dense.mean, 100 * (dense.std or 0.0)
        axes.axhspan(mean - std, mean + std, color=light("baseline"), alpha=0.1, lw=0)
        axes.axhline(mean, color=color, lw=1.2, ls=_DASHED)
        named.append(Line2D([], [], color=color, lw=1.2, ls=_DASHED, label="dense"))
    # What matters most is drawn last, on top.
    for family in sorted(
        lines, key=lambda name: (name == main, bool(_style(name, "")))
    ):
        share, middle, spread = map(np.asarray, zip(*lines[family], strict=True))
        style = _style(family, main)
        axes.plot(share, middle, **(style or _THIN))
        if style is not None:
            named.append(Line2D([], [], label=family, **style))
        if family == main:
            color = style["color"] if style else light("method")
            axes.fill_between(
                share, middle - spread, middle + spread, color=color, alpha=0.13, lw=0
            )
    if any(_style(family, main) is None for family in lines):
        named.insert(1, Line2D([], [], label="other sparsifiers", **_THIN))
    _share_axis(axes, [point[0] for line in lines.values() for point in line])
    axes.set_title("test accuracy, %")
    legend_below(axes, named[::-1], columns=3)


def _speed(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    axes.axhline(1.0, color=light("ink"), lw=1.2, ls=_DASHED)
    shown = []
    for name, (label, dashes) in _SPEEDS.items():
        points = []
        for row in rows:
            share, dense = finite(row.get("sparsity")), finite(row.get("dense_ms"))
            own = finite(row.get(name))
            if share is not None and dense is not None and own:
                points.append((100 * share, dense / own))
        if points:
            shown += [share for share, _ in points]
            style = {**_BOLD, "ls": dashes}
            axes.plot(*zip(*sorted(points), strict=True), label=label, **style)
    _share_axis(axes, shown)
    axes.set_title("times as fast as on the dense graph")
    axes.set_ylim(bottom=0)
    legend_below(axes, axes.get_legend_handles_labels()[0], columns=2)


def _share_axis(axes: Axes, shares: Sequence[float]) -> None:
    places = sorted(set(shares))
    axes.set_xticks(places, [f"{place:g}" for place in places])
    axes.set_xlabel("edges removed, %")
    axes.margins(x=0.06)
