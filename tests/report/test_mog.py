import pytest
from rich.console import Console

from graphllm.evaluate import Result, paired_difference, summary
from graphllm.report import summary_markdown, summary_table, write_report
from graphllm.report.mog import findings, mog_section, mog_sheets, rows_of

EVIL = "</div></svg><script>alert(1)</script>"
DENSE = [0.80, 0.82, 0.81]
FAMILIES = ("random", "effective_resistance", "mog_vote", "mog")


def build(seeds=3):
    """Two sparsities, four ways to thin, as the experiment writes it."""
    arms, rows = {"dense": metrics(DENSE[:seeds], 1.0)}, []
    for share in (0.1, 0.5):
        for place, family in enumerate(FAMILIES):
            name = f"{family}@{share:g}"
            own = [value - 0.02 * (3 - place) * share for value in DENSE[:seeds]]
            arms[name] = metrics(own, 1 - share)
            chance = arms[f"random@{share:g}"]["test_acc"]["values"]
            rows.append(
                {
                    "arm": name,
                    "family": family,
                    "sparsity": share,
                    "over_dense": paired_difference(own, DENSE[:seeds]),
                    "over_random": paired_difference(own, chance) if place else None,
                    "speedup": 1 / (1 - share),
                }
            )
    routing = {
        "experts": ["degree 0.25", "jaccard 0.5"],
        "bins": [0, 1, 2, 64],
        "nodes": [3, 40, 1200, 7],
        "share": [[1.0, 0.0], [0.5, 0.5], [0.25, 0.75], [0.03, 0.97]],
    }
    timing = [
        {
            "sparsity": 0.5,
            "dense_ms": 12.0,
            "gnn_ms": 6.0,
            "sparsify_ms": 90.0,
            "amortised_ms": 6.9,
            "passes": 100,
            "end_to_end_ms": 96.0,
            "break_even": 15.0,
        }
    ]
    study = {
        "kind": "mog",
        "main": "mog",
        "rows": rows,
        "lossless": {"random": None, "mog_vote": 0.1, "mog": 0.5, "scan": 0.5},
        "timing": timing,
        "routing": {"mog@0.5": routing, "mog_vote@0.5": routing},
    }
    details = {
        "baseline": "dense",
        "method_arm": "mog@0.1",
        "arm_notes": {name: f"note of {name.partition('@')[0]}" for name in arms},
        "study": study,
    }
    dataset = {"name": "cora", "num_nodes": 2708}
    return Result("mog", dataset, "s", list(range(seeds)), arms, details=details)


def metrics(accuracies, kept):
    return {
        "test_acc": summary(list(accuracies)),
        "kept": summary([kept] * len(accuracies)),
        "components": summary([78.0] * len(accuracies)),
        "isolated": summary([5.0] * len(accuracies)),
        "gnn_ms": summary([12.0 * kept] * len(accuracies)),
        "sparsify_ms": summary([1234.0] * len(accuracies)),
    }


@pytest.fixture
def result():
    return build()


def study_of(result):
    return result.details["study"]


def test_a_table_for_each_sparsity_with_the_dense_graph_on_top(result):
    first, second, time = mog_sheets(result, study_of(result))
    assert first.title == "10 % of the edges removed"
    assert second.title == "50 % of the edges removed"
    for sheet in (first, second):
        assert [row[0] for row in sheet.rows] == ["dense", *FAMILIES]
        assert all(len(row) == len(sheet.header) for row in sheet.rows)
    row = dict(zip(second.header, second.rows[3], strict=True))
    assert row["test %"] == "80.0 ± 1.0"
    assert row["over dense"]["mean"] == pytest.approx(-0.01)
    assert row["over random"]["mean"] == pytest.approx(0.02)
    assert (row["parts"], row["no input"]) == ("78", "5")
    assert (row["faster"], row["thin ms"]) == ("2.00x", "1,234")
    assert second.rows[0][2:4] == [None, None]
    assert second.rows[1][3] is None
    (row,) = time.rows
    assert row == ["50 %", "12", "6.00", "90", "6.90", "96", "15 passes"]
    assert "over 100 passes ms" in time.header


def test_what_never_pays_off_is_said(result):
    study_of(result)["timing"][0]["break_even"] = None
    assert mog_sheets(result, study_of(result))[-1].rows[0][-1] == "never"


def test_findings_name_the_largest_sparsity_of_every_family(result):
    assert findings(study_of(result)) == [
        "Not worse than the dense graph with 50 % of the edges removed: mog, scan.",
        "Not worse than the dense graph with 10 % of the edges removed: mog_vote.",
        "Not shown to be as good as the dense graph at the smallest sparsity: random.",
    ]


def test_one_seed_finds_nothing():
    (said,) = findings(study_of(build(1)))
    assert said.startswith("One seed does not tell")


def test_routing_of_the_main_arm_only(result):
    html = mog_section(result, study_of(result))
    assert html.count("mog@0.5<") == 1
    assert "mog_vote@0.5<" not in html
    for shown in ("2–3 (1,200)", "64+ (7)", "0 (3)", "jaccard 0.5", ">97<", ">75<"):
        assert shown in html
    # The strongest cell has the strongest tint.
    assert "var(--method) 70%" in html


def test_both_are_on_the_page_and_the_arms_once(result, tmp_path):
    html = write_report(result, tmp_path).read_text("utf-8")
    assert (tmp_path / "study.png").exists()
    assert "Mixture of Graphs (MoG) on cora" in html
    assert html.count("note of mog_vote") == 1
    # The tables a sparsity take the place of one of all arms.
    assert "<h2>Arms</h2>" not in html
    assert "mog@0.1</dt>" in html
    assert "<script" not in html


def test_the_terminal_needs_no_more_than_80_columns(result):
    console = Console(width=80)
    with console.capture() as captured:
        console.print(summary_table(result))
    text = captured.get()
    assert max(map(len, text.splitlines())) <= 80
    assert "1,234" in text
    assert "2.00x" in text
    assert "…" not in text


def test_markdown_has_the_intervals(result):
    text = summary_markdown(result)
    assert "**50 % of the edges removed**" in text
    assert "−1.0 [−1.0, −1.0]" in text


@pytest.mark.parametrize("nonsense", [None, [], {}, "text", 3, [None], [{"arm": "x"}]])
def test_nothing_to_show(result, nonsense):
    study = {"kind": "mog", "rows": nonsense, "timing": [], "routing": nonsense}
    assert rows_of(study) == []
    assert mog_section(result, study) == ""


def test_texts_cannot_break_out(result, tmp_path):
    study = study_of(result)
    study["rows"][0]["family"] = study["main"] = EVIL
    study["lossless"] = {EVIL: 0.1}
    study["routing"]["mog@0.5"]["experts"] = [EVIL, EVIL]
    study["routing"] = {f"{EVIL}@0.5": study["routing"]["mog@0.5"]}
    result.details["arm_notes"] = {EVIL: EVIL}
    html = write_report(result, tmp_path).read_text("utf-8")
    assert "<script" not in html
    assert "&lt;script&gt;" in html
