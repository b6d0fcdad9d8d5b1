"""The slices study on a page: where the language model helps."""

from collections.abc import Mapping, Sequence
from typing import Any

from graphllm.evaluate import Result
from graphllm.report import figures, study_plots
from graphllm.report.budget import note
from graphllm.report.html import Safe, section, tag
from graphllm.report.numbers import MISSING, fields, finite, plain_number, spread_of
from graphllm.report.sheets import Cell, Sheet, sheet_html

Rows = Sequence[Mapping[str, Any]]
_TITLES = {
    "homophily": "Local homophily",
    "degree": "Degree",
    "text_length": "Characters of text",
    "distance_to_train": "Hops from a training node",
}
_WITHIN = {"test": "all", "selected": "chosen", "receptive field": "near chosen"}
_HELPED = ("ellagnn", "llm_at_test")


def slices_sheets(study: Mapping[str, Any]) -> list[Sheet]:
    """A sheet a property, and one of the nodes that were set right.

    Args:
        study (Mapping): ``details["study"]``.

    Returns:
        list[Sheet]: Accuracies in percent, differences in points.
    """
    header = ["bin", "nodes", "plain %", "LLM-free %", "over plain"]
    header += ["at test %", "over plain"]
    sheets = []
    for name, bins in _by_bin(study.get("rows") or []).items():
        lines: list[list[Cell]] = []
        for title, views in bins.items():
            plain = views.get("plain", {})
            line: list[Cell] = [
                title,
                plain_number(plain.get("nodes")),
                _percent(plain),
            ]
            for view in _HELPED:
                row = views.get(view, {})
                line += [_percent(row), row.get("lift_plain")]
            lines.append(line)
        sheets.append(Sheet(_TITLES.get(name, name), header, lines))
    corrections = correction_sheet(study.get("corrections") or [])
    return [*sheets, corrections] if corrections.rows else sheets


def correction_sheet(rows: Rows) -> Sheet:
    """Nodes set right and wrong, a seed, and what one of them cost."""
    names = [
        name
        for name in ("calls", "tokens", "money")
        if any(finite(fields(row.get("cost")).get(name)) for row in rows)
    ]
    header = ["test nodes", "nodes", "right", "wrong", "net", "net score"]
    lines: list[list[Cell]] = []
    for row in rows:
        view = "LLM-free" if row["view"] == "ellagnn" else "LLM at test"
        counts = (row.get(key) for key in ("nodes", "fixed", "broken", "net"))
        costs = (fields(row.get("cost")).get(name) for name in names)
        lines.append(
            [
                f"{view}, {_WITHIN.get(row['within'], row['within'])}",
                *map(_count, counts),
                _score(fields(row.get("score")).get("values") or []),
                *map(plain_number, costs),
            ]
        )
    header += [f"{name}/node" for name in names]
    return Sheet("Nodes set right and wrong", header, lines)


def _score(values: Sequence[object]) -> str:
    spread = spread_of(values)
    if spread is None:
        return MISSING
    said = f"{spread.mean:+.3f}".replace("-", "−")
    return said if spread.std is None else f"{said} ± {spread.std:.3f}"


def slices_plot(rows: Rows) -> figures.Draw | None:
    """Lift over plain by bin, a panel a property."""
    panels = {
        _TITLES.get(name, name): [
            (
                title,
                [
                    study_plots.Mark(
                        views[view]["lift_plain"], filled=view == "ellagnn"
                    )
                    for view in _HELPED
                    if view in views
                ],
            )
            for title, views in bins.items()
        ]
        for name, bins in _by_bin(rows).items()
    }
    return study_plots.slice_panels(panels) if panels else None


def slices_section(result: Result, study: Mapping[str, Any]) -> Safe:
    """Plot and tables."""
    draw = slices_plot(study.get("rows") or [])
    if draw is None:
        return Safe()
    sheets = slices_sheets(study)
    parts: list[str] = [
        figures.figure_html(
            draw,
            "slices",
            "lift over plain by kind of node; the numbers are in the tables below",
            "Test nodes only. Filled: LLM-free when predicting. Hollow: LLM features "
            "at test. Bars: 95 % interval of the paired difference; those of bins with "
            "few nodes may leave the plot.",
        ),
        *map(sheet_html, sheets),
        note(result),
    ]
    if study.get("corrections"):
        parts.append(
            tag(
                "p",
                "Chosen: asked about. Near: with a chosen node in their receptive "
                "field. Right: wrong in plain and right with the language model; "
                "wrong: the other way round; means over seeds. Net score: right minus "
                "wrong, a node that the language model was asked about. Calls and "
                "tokens: what each node set right on balance cost, cached answers "
                "counted as if asked; nothing where none was.",
                class_="note",
            )
        )
    return section("Where it helps", *parts)


def _by_bin(rows: Rows) -> dict[str, dict[str, dict[str, Mapping[str, Any]]]]:
    found: dict[str, dict[str, dict[str, Mapping[str, Any]]]] = {}
    for row in rows:
        bins = found.setdefault(str(row["slice"]), {})
        bins.setdefault(str(row["bin"]), {})[row["view"]] = row
    return found


def _percent(row: Mapping[str, Any]) -> str:
    number = finite(row.get("acc"))
    return MISSING if number is None else f"{100 * number:.1f}"


def _count(value: object) -> str:
    number = finite(value)
    if number is None:
        return MISSING
    text = f"{number:,.0f}" if number == round(number) else f"{number:,.1f}"
    return text.replace("-", "−")
