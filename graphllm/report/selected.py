"""Which nodes were selected, and how their degree differs from the others'."""

from collections.abc import Mapping

import numpy as np

from graphllm.evaluate import Result
from graphllm.report import figures, plots
from graphllm.report.html import Safe, pairs, section
from graphllm.report.numbers import fields, finite, plain_number

# 0, 1, 2-3, ..., 64-127 and 128+ fit a phone.
MAX_BINS = 9


def selection_section(result: Result) -> Safe:
    """Selector, budget and pool, and a plot of degrees."""
    selection = fields(result.details.get("selection"))
    facts = [
        (name, plain_number(value) if finite(value) is not None else str(value))
        for name, value in selection.items()
        if value is not None and not isinstance(value, list | tuple | Mapping)
    ]
    parts: list[str] = [pairs(facts)] if facts else []
    chosen = _degrees(selection.get("selected_degree"))
    if chosen:
        everyone = _degrees(selection.get("all_degree"))
        everyone = everyone or _histogram(selection.get("all_degree_histogram"))
        others = {d: max(0, n - chosen.get(d, 0)) for d, n in everyone.items()}
        largest = max(d.bit_length() for d in {**chosen, **others})
        width = min(MAX_BINS, max(3, largest + 1))
        draw = plots.degree_bars(
            plots.degree_bins(chosen, width), plots.degree_bins(others, width)
        )
        caption = f"Median degree of the selected nodes: {_median_of(chosen)}"
        caption += (
            f", of the others: {_median_of(others)}." if any(others.values()) else "."
        )
        parts.append(
            figures.figure_html(draw, "selection", "degree of selected nodes", caption)
        )
    return section("Selected nodes", *parts)


def _degrees(values: object) -> dict[int, int]:
    """Degree to number of nodes, from one degree a node."""
    counts: dict[int, int] = {}
    for value in values if isinstance(values, list | tuple) else []:
        number = finite(value)
        if number is not None and number >= 0:
            counts[int(number)] = counts.get(int(number), 0) + 1
    return counts


def _histogram(values: object) -> dict[int, int]:
    """Degree to number of nodes, from a mapping or a list with one entry a degree."""
    entries = (
        enumerate(values)
        if isinstance(values, list | tuple)
        else fields(values).items()
    )
    return {
        int(degree): int(count) for degree, count in entries if (finite(count) or 0) > 0
    }


def _median_of(counts: Mapping[int, int]) -> str:
    return plain_number(
        float(np.median(np.repeat(list(counts), list(counts.values()))))
    )
