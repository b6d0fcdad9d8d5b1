"""MoG on a page: what each way to thin the graph costs and saves."""

from collections.abc import Mapping, Sequence
from typing import Any

from graphllm.evaluate import Result
from graphllm.report.arms import baseline_of
from graphllm.report.figures import figure_html
from graphllm.report.html import Safe, breakable, section, table, tag
from graphllm.report.mog_plots import mog_plot
from graphllm.report.numbers import (
    MISSING,
    fields,
    finite,
    measured,
    plain_number,
    with_spread,
)
from graphllm.report.sections import notes_section
from graphllm.report.sheets import Cell, Sheet, sheet_html

Rows = Sequence[Mapping[str, Any]]
MAX_TINT = 70


def mog_section(result: Result, study: Mapping[str, Any]) -> Safe:
    """Plots, a table a sparsity, routing and time.

    Args:
        result (Result): Of :func:`graphllm.experiments.mog.run_mog`.
        study (Mapping): Its ``details["study"]``.
    """
    rows = rows_of(study)
    draw = mog_plot(result, study)
    if not rows or draw is None:
        return Safe()
    *by_sparsity, time = mog_sheets(result, study)
    parts: list[str] = [
        figure_html(
            draw,
            "mog",
            "accuracy and speed by share of edges removed; the numbers are in the "
            "tables below",
            "First: test accuracy, mean over seeds; band: ± one standard deviation; "
            "dashed: the dense graph; thin lines: other sparsifiers. Second: how many "
            "times as fast the network is on the sparse graph, alone and with the time "
            "to thin the graph counted.",
        )
    ]
    said = [tag("li", line) for line in findings(study)]
    if said:
        parts.append(tag("ul", *said, class_="findings"))
    parts += [sheet_html(sheet) for sheet in by_sparsity]
    parts.append(
        tag(
            "p",
            "Mean ± unbiased standard deviation over seeds; differences in percentage "
            "points, seed by seed, with their 95 % interval; a star marks those whose "
            "interval leaves out zero. Over random: over random_capped. Parts: "
            "connected components. No input: nodes without an incoming edge. Faster: "
            "one pass of the network, against the dense graph, all graphs taking turns "
            "in one process. Thin: choosing the edges once. All arms keep as many "
            "edges.",
            class_="note",
        )
    )
    if time.rows:
        parts.append(sheet_html(time))
    parts += _routing(study)
    return Safe.join_all([section("Sparse graphs", *parts), notes_section(result)])


def mog_sheets(result: Result, study: Mapping[str, Any]) -> list[Sheet]:
    """A table of the arms for every sparsity, then one of the times of MoG."""
    rows = rows_of(study)
    sheets = []
    for sparsity in dict.fromkeys(row["sparsity"] for row in rows):
        arms = [row for row in rows if row["sparsity"] == sparsity]
        lines = [_line(result, {"arm": baseline_of(result)})]
        lines += [_line(result, row) for row in arms]
        header = ["arm", "test %", "over dense", "over random"]
        header += ["parts", "no input", "faster", "thin ms"]
        sheets.append(
            Sheet(f"{100 * sparsity:g} % of the edges removed", header, lines)
        )
    return [*sheets, _time_sheet(study)]


def rows_of(study: Mapping[str, Any]) -> Rows:
    """The rows that can be shown."""
    found = study.get("rows")
    return [
        row
        for row in (found if isinstance(found, list | tuple) else [])
        if isinstance(row, Mapping) and row.get("arm") and finite(row.get("sparsity"))
    ]


def findings(study: Mapping[str, Any]) -> list[str]:
    """How much each way to thin the graph can remove for free."""
    lossless = fields(study.get("lossless"))
    rows = rows_of(study)
    if any((finite(fields(row.get("over_dense")).get("n")) or 0) < 2 for row in rows):
        return ["One seed does not tell how much can be removed without a loss."]
    free: dict[float | None, list[str]] = {}
    for family, share in lossless.items():
        free.setdefault(finite(share), []).append(str(family))
    lines = []
    for share in sorted(free, key=lambda found: -(found or 0.0)):
        names = ", ".join(free[share])
        if share is None:
            lines.append(
                "Not shown to be as good as the dense graph at the smallest sparsity: "
                f"{names}."
            )
        else:
            lines.append(
                f"Not worse than the dense graph with {100 * share:g} % of the edges "
                f"removed: {names}."
            )
    return lines


def _line(result: Result, row: Mapping[str, Any]) -> list[Cell]:
    arm = str(row.get("arm"))

    def mean(metric: str) -> float | None:
        spread = measured(result, arm, metric)
        return None if spread is None else spread.mean

    speedup = finite(row.get("speedup"))
    return [
        arm.partition("@")[0],
        with_spread(measured(result, arm, "test_acc"), "test_acc"),
        _lift(row.get("over_dense")),
        _lift(row.get("over_random")),
        plain_number(_rounded(mean("components"))),
        plain_number(_rounded(mean("isolated"))),
        MISSING if speedup is None else f"{speedup:.2f}x",
        _ms(mean("sparsify_ms")),
    ]


def _lift(value: object) -> Cell:
    return value if isinstance(value, dict) and value else None


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number)


def _ms(number: object) -> str:
    value = finite(number)
    if value is None:
        return MISSING
    return f"{value:,.2f}" if value < 10 else f"{value:,.0f}"


def _time_sheet(study: Mapping[str, Any]) -> Sheet:
    found = study.get("timing")
    rows = [row for row in (found or []) if isinstance(row, Mapping)]
    passes = plain_number(rows[0].get("passes")) if rows else MISSING
    header = ["removed", "dense ms", "GNN ms", "thin ms"]
    header += [f"over {passes} passes ms", "end to end ms", "pays off after"]
    lines: list[list[Cell]] = []
    for row in rows:
        even, share = finite(row.get("break_even")), finite(row.get("sparsity"))
        lines.append(
            [
                MISSING if share is None else f"{100 * share:g} %",
                *(_ms(row.get(f"{name}_ms")) for name in ("dense", "gnn", "sparsify")),
                *(_ms(row.get(f"{name}_ms")) for name in ("amortised", "end_to_end")),
                "never" if even is None else f"{plain_number(round(even))} passes",
            ]
        )
    return Sheet(f"Time of {study.get('main', 'MoG')}", header, lines)


def _routing(study: Mapping[str, Any]) -> list[str]:
    """Who picks which expert: a heat map for each sparsity of the main arm."""
    maps = [
        _heat_map(str(arm), fields(found))
        for arm, found in fields(study.get("routing")).items()
        if str(arm).partition("@")[0] == study.get("main")
    ]
    if not any(maps):
        return []
    said = tag(
        "p",
        "Mean gate in %, over the nodes of a range of incoming edges; every column "
        "sums to 100. An expert is an edge criterion and a share to remove. First "
        "seed, parameters of the best epoch.",
        class_="note",
    )
    return [tag("h3", "Who picks which expert"), said, *maps]


def _heat_map(arm: str, found: Mapping[str, Any]) -> Safe:
    bins, nodes = found.get("bins") or [], found.get("nodes") or []
    experts, share = found.get("experts") or [], found.get("share") or []
    if not experts or not share or len(share) != len(bins):
        return Safe()
    header = [
        arm,
        *(
            f"{_range(start)} ({plain_number(count)})"
            for start, count in zip(bins, nodes, strict=False)
        ),
    ]
    most = max(max(row) for row in share) or 1.0
    rows = [
        [breakable(str(name)), *(_heat(row[place], most) for row in share)]
        for place, name in enumerate(experts)
    ]
    return tag("div", table(header, rows), class_="sheet")


def _range(start: int) -> str:
    """Degrees of a bin, each twice as wide as the one before."""
    if start < 2:
        return str(start)
    return f"{start}–{2 * start - 1}" if start < 64 else f"{start}+"


def _heat(share: float, most: float) -> Safe:
    tint = MAX_TINT * share / most
    style = f"background:color-mix(in srgb, var(--method) {tint:.0f}%, transparent)"
    return tag("span", f"{100 * share:.0f}", class_="heat", style=style)
