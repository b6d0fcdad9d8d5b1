from graphllm.evaluate import Result, paired_difference, summary
from graphllm.report.figures import WIDE, drawing
from graphllm.report.llm_free import llm_free_plot, llm_free_section, llm_free_sheets
from graphllm.report.style import light

LIFT = paired_difference([0.6, 0.7, 0.8], [0.5, 0.6, 0.71])
ROWS = [
    {"name": "plain", "test_acc": summary([0.5, 0.6]), "lift_plain": None},
    {
        "name": "consistency",
        "test_acc": 0.625,
        "lift_plain": LIFT,
        "lift_random": LIFT,
        "epochs": 120,
        "note": "<b>",
    },
]


def test_other_keys_are_columns():
    (sheet,) = llm_free_sheets(ROWS)
    assert sheet.header == [
        *("training", "test %", "over plain", "over random", "epochs", "note")
    ]
    assert sheet.rows == [
        ["plain", "55.0 ± 7.1", "–", "–", "–", "–"],
        ["consistency", "62.5", LIFT, LIFT, "120", "<b>"],
    ]


def test_only_what_has_a_lift_is_drawn():
    with drawing():
        axes = llm_free_plot(ROWS)(WIDE).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["consistency"]
    assert llm_free_plot(ROWS[:1]) is None


def test_controls_and_what_needs_a_model_look_different():
    names = ["taught", "taught_random", "teacher_llm_at_test"]
    rows = [{"name": name, "lift_plain": LIFT} for name in names]
    with drawing():
        axes = llm_free_plot(rows)(WIDE).axes[0]
    dots = [line for line in axes.lines if len(line.get_xdata()) == 1]
    assert [dot.get_markeredgecolor() for dot in dots] == [
        light(role) for role in ("method", "control", "method")
    ]
    assert [dot.get_markerfacecolor() for dot in dots] == [
        light(role) for role in ("method", "control", "paper")
    ]


def test_section():
    result = Result("ellagnn", {}, "file", [0, 1, 2], {})
    votes = {"accuracy": summary([0.5, 0.75]), "count": summary([90.0, 91.0])}
    html = llm_free_section(result, {"rows": ROWS, "annotation": votes})
    assert "Doing without the language model" in html
    assert "&lt;b&gt;" in html
    assert "<dt>Right votes of the language model, %</dt><dd>62.5 ± 17.7</dd>" in html
    assert "<dt>Unlabelled nodes with a vote</dt><dd>90.50 ± 0.71</dd>" in html
    html = llm_free_section(result, {"rows": ROWS})
    assert "votes" not in html
    assert llm_free_section(result, {}) == ""
