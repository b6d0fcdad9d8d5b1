from graphllm.evaluate import Result, summary
from graphllm.report.depth import (
    accuracy_table,
    depth_section,
    depth_table,
    summaries,
)
from graphllm.report.depth_plots import study_rows
from graphllm.report.style import light

MEASURES = ("test_acc", "gradient_flow", "dirichlet_energy", "mad", "llm_at_test_acc")


def depth_result(networks=("gcn", "gcnii"), depths=(2, 8), name="{}"):
    arms, rows = {}, []
    for place, network in enumerate(networks):
        for enhanced in (False, True):
            for depth in depths:
                full = name.format(("ellagnn-" if enhanced else "") + network)
                values = [0.8 - 0.01 * depth + 0.002 * place + 0.02 * enhanced] * 2
                values[1] += 0.01
                measures = dict.fromkeys(MEASURES[: 5 if enhanced else 4], values)
                measures["dirichlet_energy"] = [10.0**-depth] * 2
                arm = f"{full}-{depth}"
                arms[arm] = {key: summary(list(v)) for key, v in measures.items()}
                rows.append(
                    {
                        "network": full,
                        "backbone": network,
                        "enhanced": enhanced,
                        "depth": depth,
                        "arm": arm,
                        **{key: entry["mean"] for key, entry in arms[arm].items()},
                        "flow_curve": [1.0, 0.5, 0.25],
                    }
                )
    return Result(
        *("ellagnn", {"name": "cora"}, "file", [0, 1], arms),
        details={"study": {"kind": "depth", "rows": rows}},
    )


def test_accuracies_stand_in_a_grid():
    header, rows = accuracy_table(depth_result(networks=("gcn",)))
    assert header == ["layers", "2", "8"]
    assert rows == [
        ["gcn", "78.5 ± 0.7", "72.5 ± 0.7"],
        ["ellagnn-gcn", "80.5 ± 0.7", "74.5 ± 0.7"],
        ["ellagnn-gcn, LLM at test", "80.5 ± 0.7", "74.5 ± 0.7"],
    ]


def test_every_measure_stands_in_the_table():
    result = depth_result(networks=("gcn",))
    result.details["study"]["rows"].reverse()
    header, rows = depth_table(result)
    assert header[:4] == ["network", "layers", "test %", "LLM at test %"]
    assert [row[:2] for row in rows] == [
        ["ellagnn-gcn", "2"],
        ["ellagnn-gcn", "8"],
        ["gcn", "2"],
        ["gcn", "8"],
    ]
    assert rows[2][2:] == ["78.5 ± 0.7", "–", "0.785", "0.0100", "0.785"]
    assert rows[3][5] == "1.0e-08"


def test_the_summary_says_best_and_deepest():
    rows = study_rows(depth_result(networks=("gcn",)))
    assert summaries(rows) == [
        "gcn: best at 2 layers (78.5 %), 72.5 % at 8.",
        "ellagnn-gcn: best at 2 layers (80.5 %), 74.5 % at 8.",
    ]
    assert summaries([{"network": "a", "depth": 2, "test_acc": None}]) == []


def test_the_section_holds_plots_tables_and_nothing_unescaped():
    html = depth_section(depth_result(networks=("gcn",), name="<b>{}</b>"))
    assert html.count("<figure>") == 2
    assert html.count("<table>") == 2
    assert "<b>" not in html
    assert "&lt;b&gt;gcn" in html
    assert light("method") not in html


def test_other_results_have_no_such_section():
    result = depth_result()
    for study in (None, {}, {"kind": "budget", "rows": [1]}, {"kind": "depth"}):
        result.details["study"] = study
        assert depth_section(result) == ""
    result.details["study"] = {"kind": "depth", "rows": [None, {"network": "a"}]}
    assert depth_section(result) == ""


def test_a_study_without_curves_has_one_figure():
    result = depth_result(networks=("gcn",), depths=(2,))
    for row in result.details["study"]["rows"]:
        del row["flow_curve"]
    assert depth_section(result).count("<figure>") == 1
