from graphllm.evaluate import Result, paired_difference, summary
from graphllm.report.figures import WIDE, drawing
from graphllm.report.prompts import prompts_plot, prompts_section, prompts_sheets
from graphllm.report.style import light

ARMS = {
    "plain": [0.50, 0.60, 0.70],
    "expand": [0.52, 0.62, 0.73],
    "expand_llm_at_test": [0.5, 0.6, 0.7],
    "rank_labels": [0.4, 0.61, 0.7],
    "rank_labels_llm_at_test": [0.6, 0.71, 0.8],
}


def study():
    rows = [
        {
            "prompt": prompt,
            "label_aware": prompt == "rank_labels",
            "view": view,
            "arm": arm,
            "acc": summary(ARMS[arm])["mean"],
            "val_acc": 0.5,
            "lift_plain": paired_difference(ARMS[arm], ARMS["plain"]),
            "nodes": 12,
            "usable": 0.75 if prompt == "expand" else None,
            "calls": 16,
            "tokens": 12345,
        }
        for prompt in ("expand", "rank_labels")
        for view, arm in (("ellagnn", prompt), ("llm_at_test", f"{prompt}_llm_at_test"))
    ]
    arms = {arm: {"test_acc": summary(values)} for arm, values in ARMS.items()}
    details = {"study": {"kind": "prompts", "rows": rows}}
    return Result("ellagnn", {}, "file", [0, 1, 2], arms, details=details), rows


def test_a_row_a_prompt_with_both_views():
    result, rows = study()
    scores, answers = prompts_sheets(result, rows)
    assert [row[:3] for row in scores.rows] == [
        ["expand", "no", "62.3 ± 10.5"],
        ["rank_labels", "yes", "57.0 ± 15.4"],
    ]
    assert scores.rows[1][5] == rows[3]["lift_plain"]
    assert answers.rows == [
        ["expand", "75 %", "12", "16", "12,345"],
        ["rank_labels", "–", "12", "16", "12,345"],
    ]


def test_prompts_that_see_the_classes_have_another_colour():
    _, rows = study()
    with drawing():
        axes = prompts_plot(rows)(WIDE).axes[0]
    dots = [line for line in axes.lines if len(line.get_xdata()) == 1]
    colors = [dot.get_markeredgecolor() for dot in dots]
    assert colors == [light("method")] * 2 + [light("control")] * 2


def test_section():
    result, rows = study()
    html = prompts_section(result, rows)
    assert "Prompts at the same nodes" in html
    assert "rank_<wbr>labels" in html
    assert prompts_section(result, []) == ""
