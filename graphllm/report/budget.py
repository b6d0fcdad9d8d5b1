"""The budget study on a page: curves, and tables of lifts."""

from collections.abc import Mapping, Sequence
from typing import Any

from graphllm.evaluate import Result
from graphllm.report import figures, study_plots
from graphllm.report.head import plural
from graphllm.report.html import Safe, section, tag
from graphllm.report.lifts import interval_text, lift_text, lift_verdict
from graphllm.report.numbers import MISSING, finite
from graphllm.report.sheets import Cell, Sheet, sheet_html

CHANCE = "random"
VIEWS = {
    "ellagnn": "LLM-free when predicting",
    "llm_at_test": "LLM features at test",
    "shuffled": "answers of other nodes, LLM-free when predicting",
    "shuffled_llm_at_test": "answers of other nodes, at test too",
}
_OVER = {"lift_plain": "plain", "lift_random": "random nodes"}
Rows = Sequence[Mapping[str, Any]]


def budget_sheets(rows: Rows) -> list[Sheet]:
    """For each view the lifts over no language model and over random nodes.

    Args:
        rows (Sequence[Mapping]): Of ``details["study"]``.

    Returns:
        list[Sheet]: A row a selector, a column a budget.
    """
    budgets, selectors = _in_order(rows, "budget"), _in_order(rows, "selector")
    sheets = []
    for view, title in VIEWS.items():
        cells = {(r["selector"], r["budget"]): r for r in rows if r["view"] == view}
        if not cells:
            continue
        for key, over in _OVER.items():
            names = [s for s in selectors if key != "lift_random" or s != CHANCE]
            lines: list[list[Cell]] = [
                [name, *(cells.get((name, b), {}).get(key) for b in budgets)]
                for name in names
            ]
            header = ["selector", *map(budget_title, budgets)]
            if lines:
                sheets.append(Sheet(f"Points over {over}, {title}", header, lines))
    return sheets


def budget_plot(rows: Rows) -> figures.Draw | None:
    """Accuracy against budget, a panel a selector; random nodes behind."""
    budgets = _in_order(rows, "budget")
    curves = {
        (selector, view): study_plots.Curve(
            [row["acc"] for row in found], [row["lift_plain"] for row in found]
        )
        for selector in _in_order(rows, "selector")
        for view in ("ellagnn", "llm_at_test")
        if len(found := _line(rows, selector, view)) == len(budgets)
    }
    if not curves:
        return None
    chance = {view: c for (name, view), c in curves.items() if name == CHANCE}
    names = [name for name in dict.fromkeys(n for n, _ in curves) if name != CHANCE]
    panels = [
        study_plots.Panel(name, {v: c for (n, v), c in curves.items() if n == name})
        for name in names or [CHANCE]
    ]
    first = next(iter(curves.values()))
    plain = first.acc[0] - first.lifts[0]["mean"]
    share = isinstance(budgets[0], float)
    unit = "budget, % of the candidate nodes" if share else "budget, nodes"
    labels = [budget_title(budget).removesuffix(" %") for budget in budgets]
    return study_plots.budget_panels(panels, labels, chance, plain, unit)


def budget_section(result: Result, rows: Rows) -> Safe:
    """Curves, what they say, and the tables."""
    said = [tag("li", sentence) for sentence in budget_findings(rows)]
    parts: list[str] = [tag("ul", *said, class_="findings")]
    draw = budget_plot(rows)
    if draw is not None:
        parts.append(
            figures.figure_html(
                draw,
                "budget",
                "test accuracy against budget, a panel a selector; the numbers are in "
                "the tables below",
                "Blue: nodes chosen by the selector, LLM-free when predicting, with "
                "the 95 % interval of its paired difference to plain. Dotted: LLM "
                "features at test. Orange: random nodes. Grey dashes: plain.",
            )
        )
    shown = [f"Points over {over}, {VIEWS['ellagnn']}" for over in _OVER.values()]
    sheets = budget_sheets(rows)
    parts += [sheet_html(sheet) for sheet in sheets if sheet.title in shown]
    folded = [sheet_html(sheet) for sheet in sheets if sheet.title not in shown]
    if folded:
        summary = tag("summary", "With LLM features at test, and controls")
        parts.append(tag("details", summary, *folded))
    parts.append(note(result))
    return section("Selectors and budgets", *parts)


def note(result: Result) -> Safe:
    """How to read the differences of a study."""
    return tag(
        "p",
        f"Mean difference of test_acc over {plural(len(result.seeds), 'seed')}, taken "
        "seed by seed, in percentage points, with its 95 % confidence interval "
        "(Student's t). Tinted, with a star: at least three seeds, and zero lies "
        "outside the interval.",
        class_="note",
    )


def budget_findings(rows: Rows) -> list[str]:
    """What the sweep says, in a few sentences.

    The cell that is named is the one with the best validation accuracy: the best
    test accuracy of so many cells would flatter.
    """
    lines = []
    for view in ("ellagnn", "llm_at_test"):
        cells = [
            row for row in rows if row["view"] == view and row["selector"] != CHANCE
        ]
        if not cells:
            continue
        best = max(cells, key=lambda row: finite(row["val_acc"]) or 0.0)
        where = f"{best['selector']} at {budget_title(best['budget'])}"
        lines.append(
            f"{VIEWS[view]}: best by validation accuracy is {where}, test "
            f"accuracy {100 * best['acc']:.1f} %, {_said(best['lift_plain'])} points "
            f"over plain, {_said(best['lift_random'])} over random nodes."
        )
        verdicts = [lift_verdict(row["lift_random"]) for row in cells]
        lines.append(
            f"Of its {plural(len(cells), 'cell')} of selector and budget, "
            f"{verdicts.count('better')} clearly better than random nodes and "
            f"{verdicts.count('worse')} clearly worse; by chance alone about "
            f"{0.025 * len(cells):.1f} of each kind."
        )
    return lines


def _said(lift: Mapping[str, Any] | None) -> str:
    if lift is None:
        return MISSING
    return f"{lift_text(lift).rstrip('*')} {interval_text(lift)}".strip()


def budget_title(budget: object) -> str:
    """``5 %`` for a share, ``100`` for a count."""
    if isinstance(budget, float):
        return f"{100 * budget:g} %"
    return str(budget)


def _in_order(rows: Rows, key: str) -> list[Any]:
    return list(dict.fromkeys(row[key] for row in rows))


def _line(rows: Rows, selector: str, view: str) -> list[Mapping[str, Any]]:
    return [r for r in rows if r["selector"] == selector and r["view"] == view]
