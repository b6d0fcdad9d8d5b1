import math

from graphllm.evaluate import Result, paired_difference
from graphllm.report.figures import WIDE, drawing
from graphllm.report.slices import slices_plot, slices_section, slices_sheets

LIFT = paired_difference([0.6, 0.7, 0.8], [0.5, 0.6, 0.71])


def study(money=0.0):
    rows = [
        {
            "slice": name,
            "bin": title,
            "view": view,
            "nodes": 7.5,
            "acc": 0.5 if view == "plain" else 0.6,
            "lift_plain": None if view == "plain" else LIFT,
        }
        for name, title in (("degree", "0 – 3"), ("degree", "4"), ("mine", "x"))
        for view in ("plain", "ellagnn", "llm_at_test")
    ]
    corrections = [
        {
            "view": "ellagnn",
            "within": "receptive field",
            "nodes": 1200.0,
            "fixed": 2.5,
            "broken": 1.0,
            "net": 1.5,
            "score": {"mean": 0.1, "std": 0.02, "values": [0.08, 0.12]},
            "cost": {"calls": 20.0, "tokens": 1000.0, "money": money},
        },
        {
            "view": "llm_at_test",
            "within": "test",
            "nodes": 1200.0,
            "fixed": 0.0,
            "broken": 1.0,
            "net": -1.0,
            "score": {"mean": math.nan, "std": math.nan, "values": [None, None]},
            "cost": {"calls": None, "tokens": None, "money": None},
        },
    ]
    return {"kind": "slices", "rows": rows, "corrections": corrections}


def result_of(study):
    return Result("ellagnn", {}, "file", [0, 1, 2], {}, details={"study": study})


def test_a_sheet_a_property_and_one_of_corrections():
    degree, mine, corrections = slices_sheets(study())
    assert (degree.title, mine.title) == ("Degree", "mine")
    assert degree.rows[0] == ["0 – 3", "7.50", "50.0", "60.0", LIFT, "60.0", LIFT]
    assert corrections.header[-2:] == ["calls/node", "tokens/node"]
    assert corrections.rows == [
        [
            *("LLM-free, near chosen", "1,200", "2.5", "1", "1.5"),
            *("+0.100 ± 0.028", "20", "1,000"),
        ],
        ["LLM at test, all", "1,200", "0", "1", "−1", "–", "–", "–"],
    ]


def test_money_is_a_column_where_there_was_any():
    assert "money/node" not in slices_sheets(study())[-1].header
    sheet = slices_sheets(study(money=0.25))[-1]
    assert sheet.header[-1] == "money/node"
    assert sheet.rows[0][-1] == "0.250"


def test_the_plot_has_a_panel_a_property():
    with drawing():
        figure = slices_plot(study()["rows"])(WIDE)
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title("left") for axes in panels] == ["Degree", "mine"]
    names = [label.get_text() for label in panels[0].get_xticklabels()]
    assert names == ["0 – 3", "4"]


def test_section():
    html = slices_section(result_of(study()), study())
    assert "Where it helps" in html
    assert "Nodes set right and wrong" in html
    without = {**study(), "corrections": []}
    html = slices_section(result_of(without), without)
    assert "Nodes set right" not in html
    assert slices_section(result_of({}), {"kind": "slices"}) == ""
