"""The prompt study on a page: which prompt helps, at the same nodes."""

from collections.abc import Mapping, Sequence
from typing import Any

from graphllm.evaluate import Result
from graphllm.report import figures, study_plots
from graphllm.report.budget import note
from graphllm.report.html import Safe, section
from graphllm.report.numbers import MISSING, finite, measured, plain_number, with_spread
from graphllm.report.sheets import Cell, Sheet, sheet_html

Rows = Sequence[Mapping[str, Any]]
_VIEWS = ("ellagnn", "llm_at_test")


def prompts_sheets(result: Result, rows: Rows) -> list[Sheet]:
    """One row a prompt: both views, and what its answers were.

    Args:
        result (Result): The study.
        rows (Sequence[Mapping]): Of ``details["study"]``.

    Returns:
        list[Sheet]: Accuracies and lifts, then the answers and their price.
    """
    by_prompt = _by_prompt(rows)
    scores: list[list[Cell]] = []
    answers: list[list[Cell]] = []
    for name, views in by_prompt.items():
        first = next(iter(views.values()))
        aware = "yes" if first.get("label_aware") else "no"
        line: list[Cell] = [name, aware]
        for view in _VIEWS:
            row = views.get(view, {})
            spread = measured(result, str(row.get("arm")), "test_acc")
            line += [with_spread(spread, "test_acc"), row.get("lift_plain")]
        scores.append(line)
        usable = finite(first.get("usable"))
        answers.append(
            [
                name,
                MISSING if usable is None else f"{100 * usable:.0f} %",
                *(plain_number(first.get(key)) for key in ("nodes", "calls", "tokens")),
            ]
        )
    header = ["prompt", "sees classes", "LLM-free %", "over plain"]
    header += ["at test %", "over plain"]
    cost = ["prompt", "answers understood", "nodes with one", "questions", "tokens"]
    return [
        Sheet("Prompts at the same nodes", header, scores, 2),
        Sheet("Their answers", cost, answers),
    ]


def prompts_plot(rows: Rows) -> figures.Draw | None:
    """Lift over plain, a line a prompt."""
    lines = []
    for name, views in _by_prompt(rows).items():
        marks = [
            study_plots.Mark(
                row["lift_plain"],
                "control" if row.get("label_aware") else "method",
                view == "ellagnn",
            )
            for view, row in views.items()
        ]
        lines.append((name, marks))
    return study_plots.lift_dots(lines) if lines else None


def prompts_section(result: Result, rows: Rows) -> Safe:
    """Plot and tables."""
    draw = prompts_plot(rows)
    if draw is None:
        return Safe()
    scores, answers = prompts_sheets(result, rows)
    plot = figures.figure_html(
        draw,
        "prompts",
        "lift over plain of every prompt; the numbers are in the table below",
        "Filled: LLM-free when predicting. Hollow: LLM features at test. Bars: 95 % "
        "interval of the paired difference. Orange: prompts that show the model the "
        "names of the classes, whose answers carry that vocabulary.",
    )
    parts = (plot, sheet_html(scores), note(result), sheet_html(answers))
    return section("Prompts", *parts)


def _by_prompt(rows: Rows) -> dict[str, dict[str, Mapping[str, Any]]]:
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(str(row["prompt"]), {})[row["view"]] = row
    return found
