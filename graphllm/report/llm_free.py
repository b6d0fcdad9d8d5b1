"""The LLM-free study on a page: ways to keep the gain without the language model."""

from collections.abc import Mapping, Sequence
from typing import Any

from graphllm.evaluate import Result
from graphllm.report import figures, study_plots
from graphllm.report.budget import note
from graphllm.report.html import Safe, pairs, section, tag
from graphllm.report.lifts import Lift, is_lift
from graphllm.report.numbers import (
    MISSING,
    fields,
    finite,
    is_share,
    plain_number,
    spread_of,
    with_spread,
)
from graphllm.report.sheets import Cell, Sheet, sheet_html

Rows = Sequence[Mapping[str, Any]]
_OVER = {"self": "self distilled", "unasked": "plain where not asked"}
# What tells the language model's part in a gain from the training's own.
_CONTROLS = ("self_", "_random", "_shuffled")
AT_TEST = "_llm_at_test"
_ANNOTATION = {
    "accuracy": "Right votes of the language model, %",
    "ece": "Expected calibration error, %",
    "count": "Unlabelled nodes with a vote",
}
_UNITS = {"ece": "ece_share"}


def llm_free_sheets(rows: Rows) -> list[Sheet]:
    """One row a way of training; every other key of the rows is a column.

    Args:
        rows (Sequence[Mapping]): Of ``details["study"]``: ``name``, ``test_acc``,
            ``lift_plain`` and whatever else was measured.

    Returns:
        list[Sheet]: A single one.
    """
    keys = dict.fromkeys(key for row in rows for key in row if key != "name")
    lines: list[list[Cell]] = [
        [str(row["name"]), *(_cell(key, row.get(key)) for key in keys)] for row in rows
    ]
    header = ["training", *map(_title, keys)]
    return [Sheet("Ways to train", header, lines)] if lines else []


def llm_free_plot(rows: Rows) -> figures.Draw | None:
    """Lift over plain, a line a way of training."""
    lines = [
        (str(row["name"]), [_mark(str(row["name"]), row["lift_plain"])])
        for row in rows
        if is_lift(row.get("lift_plain"))
    ]
    return study_plots.lift_dots(lines) if lines else None


def _mark(name: str, lift: Lift) -> study_plots.Mark:
    control = any(part in name for part in _CONTROLS)
    role = "control" if control else "method"
    return study_plots.Mark(lift, role, not name.endswith(AT_TEST))


def llm_free_section(result: Result, study: Mapping[str, Any]) -> Safe:
    """Plot, table, and how good the votes were that were learnt from."""
    rows = study.get("rows") or []
    parts: list[str] = []
    draw = llm_free_plot(rows)
    if draw is not None:
        parts.append(
            figures.figure_html(
                draw,
                "llm-free",
                "lift over plain of every way to train; the numbers are in the table",
                "Filled: no language model when predicting; hollow: with one, what "
                "could be kept at most. Orange: controls. Bars: 95 % interval of the "
                "paired difference. Dashed: plain.",
            )
        )
    sheets = llm_free_sheets(rows)
    if sheets:
        parts += [*map(sheet_html, sheets), note(result)]
    votes = fields(study.get("annotation"))
    if votes:
        facts = [
            (_ANNOTATION.get(key, key), str(_cell(_UNITS.get(key, key), value)))
            for key, value in votes.items()
        ]
        parts += [tag("h3", "Votes that were learnt from"), pairs(facts)]
    return section("Doing without the language model", *parts)


def _title(key: str) -> str:
    if key.startswith("lift_"):
        over = key.removeprefix("lift_")
        return "over " + _OVER.get(over, over.replace("_", " "))
    # Short enough for a terminal of 80 columns.
    short = key.removesuffix("_acc").replace("_", " ")
    return f"{short} %" if is_share(key) else short


def _cell(key: str, value: object) -> Cell:
    if isinstance(value, dict):
        if is_lift(value):
            return value
        spread = spread_of(fields(value).get("values") or [fields(value).get("mean")])
        return with_spread(spread, key)
    number = finite(value)
    if number is not None:
        return f"{100 * number:.1f}" if is_share(key) else plain_number(number)
    return MISSING if value is None else str(value)
