import pytest

from graphllm.evaluate import Result, paired_difference, summary
from graphllm.report.budget import (
    budget_findings,
    budget_plot,
    budget_section,
    budget_sheets,
    budget_title,
)
from graphllm.report.figures import WIDE, drawing

PLAIN = [0.70, 0.71, 0.72, 0.70]
SUFFIX = {"ellagnn": "", "llm_at_test": "_llm_at_test"}


def rows_of(levels, budgets=(0.05, 1.0), views=("ellagnn", "llm_at_test"), seeds=4):
    """Rows as the study writes them; a selector's level is its gain in points."""
    wobble = [0.001, -0.002, 0.0, 0.001][:seeds]
    values = {
        (name, budget, view): [
            plain + level / 100 + shake * (1 + step)
            for plain, shake in zip(PLAIN, wobble, strict=False)
        ]
        for name, level in levels.items()
        for step, budget in enumerate(budgets)
        for view in views
    }
    return [
        {
            "selector": name,
            "budget": budget,
            "nodes": 10,
            "view": view,
            "arm": f"{name}@{budget}{SUFFIX.get(view, '_' + view)}",
            "acc": summary(own)["mean"],
            "val_acc": summary(own)["mean"],
            "lift_plain": paired_difference(own, PLAIN[:seeds]),
            "lift_random": None
            if name == "random"
            else paired_difference(own, values["random", budget, view]),
        }
        for (name, budget, view), own in values.items()
    ]


def result_of(rows):
    study = {"kind": "budget", "rows": rows}
    return Result("ellagnn", {}, "file", [0, 1, 2, 3], {}, details={"study": study})


def test_sheets_have_a_row_a_selector_and_a_column_a_budget():
    rows = rows_of({"random": 0, "a": 1, "b": -1})
    sheets = budget_sheets(rows)
    assert [sheet.title for sheet in sheets] == [
        "Points over plain, LLM-free when predicting",
        "Points over random nodes, LLM-free when predicting",
        "Points over plain, LLM features at test",
        "Points over random nodes, LLM features at test",
    ]
    assert sheets[0].header == ["selector", "5 %", "100 %"]
    assert [row[0] for row in sheets[0].rows] == ["random", "a", "b"]
    assert [row[0] for row in sheets[1].rows] == ["a", "b"]
    cell = next(r for r in rows if r["selector"] == "b" and r["budget"] == 1.0)
    assert sheets[0].rows[2][2] == cell["lift_plain"]
    assert sheets[1].rows[1][2] == cell["lift_random"]


def test_random_alone_has_nothing_to_be_compared_with():
    sheets = budget_sheets(rows_of({"random": 1}, views=("ellagnn",)))
    assert [sheet.title for sheet in sheets] == [
        "Points over plain, LLM-free when predicting"
    ]


def test_the_plot_has_a_panel_a_selector_with_chance_behind():
    rows = rows_of({"random": 0, "a": 1, "b": -1})
    with drawing():
        figure = budget_plot(rows)(WIDE)
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title("left") for axes in panels] == ["a", "b"]
    for axes in panels:
        start = [line.get_ydata()[0] for line in axes.lines]
        assert start == pytest.approx([100 * sum(PLAIN) / 4] * 5)


def test_findings_name_the_cell_that_validation_chose():
    rows = rows_of({"random": 0, "a": 1, "b": 3}, views=("ellagnn",))
    for row in rows:
        # on the validation nodes it is the other way round
        row["val_acc"] = {"a": 0.9, "b": 0.8}.get(row["selector"], 0.99)
    first, second = budget_findings(rows)
    assert "best by validation accuracy is a at 5 %, test accuracy 71.8 %" in first
    assert "+1.0 [" in first
    assert "Of its 4 cells of selector and budget, 4 clearly better" in second
    assert "0 clearly worse; by chance alone about 0.1 of each kind" in second


def test_the_section_folds_what_is_not_llm_free():
    rows = rows_of({"random": 0, "a": 1}, views=("ellagnn", "llm_at_test", "shuffled"))
    html = budget_section(result_of(rows), rows)
    open_part, folded = html.split("<details>")
    assert "Points over random nodes, LLM-free when predicting" in open_part
    assert "LLM features at test</h3>" in folded
    assert "answers of other nodes" in folded
    assert "answers of other nodes" not in open_part
    assert "4 seeds" in folded


def test_one_seed_has_no_intervals():
    rows = rows_of({"random": 0, "a": 1}, seeds=1)
    html = budget_section(result_of(rows), rows)
    assert "<small></small>" in html
    assert "nan" not in html


def test_titles_of_budgets():
    assert budget_title(0.025) == "2.5 %"
    assert budget_title(1.0) == "100 %"
    assert budget_title(135) == "135"
