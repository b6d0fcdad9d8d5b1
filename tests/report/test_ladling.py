import pytest
from rich.console import Console

from graphllm.evaluate import Result, paired_difference, summary
from graphllm.report import summary_markdown, summary_table, write_report
from graphllm.report.ladling import ladling_section, ladling_sheets, verdicts

EVIL = "</div></svg><script>alert(1)</script>"
TESTS = {
    "mean_ingredient": [0.80, 0.81, 0.80],
    "best_by_validation": [0.82, 0.82, 0.81],
    "gis": [0.84, 0.85, 0.83],
    "learned": [0.83, 0.81, 0.82],
    "ensemble": [0.84, 0.83, 0.84],
    "different_init": [0.30, 0.20, 0.25],
    "different_init_gis": [0.82, 0.81, 0.82],
}


def build(tests=TESTS, seeds=3):
    """Three repeats of ten ingredients, as the experiment writes them."""
    tests = {arm: values[:seeds] for arm, values in tests.items()}
    rows = [
        {
            "arm": arm,
            "over_best": paired_difference(values, tests["best_by_validation"]),
            "over_mean": paired_difference(values, tests["mean_ingredient"]),
        }
        for arm, values in tests.items()
        if arm not in ("mean_ingredient", "best_by_validation")
    ]
    gis = {"weights": [0.6, 0.395, 0.005], "evaluations": 101}
    own = {"weights": [1.0, 0.0, 0.0], "evaluations": 91}
    learned = {"weights": [[0.9, 0.5], [0.1, 0.5], [0.0, 0.0]], "evaluations": 7}
    soups = {"gis": gis, "learned": learned, "different_init_gis": own}
    alphas = [0.0, 0.5, 1.0]
    study = {
        "kind": "ladling",
        "rows": rows,
        "gain": [
            {"num_ingredients": k, "gis": summary([0.8]), "uniform": summary([0.79])}
            for k in (2, 3)
        ],
        "barriers": {
            "shared": {"alphas": alphas, "losses": [1, 1.1, 1], "heights": [0.1, 0.3]},
            "different": {"alphas": alphas, "losses": [1, 3, 1], "heights": [2, 2.5]},
        },
        "soups": {arm: [soup] * seeds for arm, soup in soups.items()},
        "ingredients": [[{"seconds": 2.0, "peak_rss_mb": 700.2}] * 3] * seeds,
        "stages": {"train": {"seconds": 75.0, "peak_rss_mb": 1234.5}},
    }
    details = {
        "baseline": "best_by_validation",
        "method_arm": "gis",
        "arm_notes": {arm: f"note of {arm}" for arm in tests},
        "study": study,
    }
    arms = {
        arm: {"test_acc": summary(values), "val_acc": summary(values)}
        for arm, values in tests.items()
    }
    config = {"num_ingredients": 10}
    dataset = {"name": "cora", "num_nodes": 2708}
    return Result(
        *("ladling", dataset, "s", list(range(seeds)), arms),
        config=config,
        details=details,
    )


def study_of(result):
    return result.details["study"]


def test_verdicts_say_who_won_and_that_the_control_collapsed():
    result = build()
    assert verdicts(result, study_of(result)) == [
        "The soup won: gis is better than best_by_validation: +2.3 points "
        "[+0.9, +3.8], ahead in 3 of 3.",
        "The soup won: gis is better than mean_ingredient: +3.7 points [+2.2, +5.1], "
        "ahead in 3 of 3.",
        "Without shared initial weights the uniform soup collapsed, as it must: "
        "25.0 % on test, −55.3 points against the mean ingredient; loss barrier 2.25, "
        "with shared weights 0.20.",
        "Greedy interpolation gives 60 % of the weight to one ingredient, 100 % "
        "without shared initial weights; at 100 % there is no soup.",
        "On test it is +2.3 points with shared initial weights against those without: "
        "what greedy interpolation gains is due to sharing them only as far as this is "
        "above zero.",
    ]


@pytest.mark.parametrize(
    ("gis", "said"),
    [
        ([0.80, 0.80, 0.79], "The soup lost: gis is worse than best_by_validation"),
        ([0.80, 0.84, 0.81], "The soup did not win: gis is not distinguishable"),
    ],
)
def test_a_soup_that_did_not_win_is_said_to(gis, said):
    result = build({**TESTS, "gis": gis})
    assert verdicts(result, study_of(result))[0].startswith(said)


def test_a_control_that_did_not_fail_and_too_few_repeats_are_said():
    result = build({**TESTS, "different_init": [0.78, 0.78]}, seeds=2)
    lines = verdicts(result, study_of(result))
    assert lines[0].startswith("Too few repeats (2) to tell gis from best_by_val")
    assert "uniform soup did not collapse: 78.0 % on test" in lines[2]


def test_sheets_hold_arms_soups_and_stages():
    result = build()
    arms, soups, stages = ladling_sheets(result, study_of(result))
    assert arms.title == "Soups of 10 ingredients"
    assert [row[0] for row in arms.rows] == list(TESTS)
    gis = dict(zip(arms.header, arms.rows[2], strict=True))
    assert gis["test %"] == "84.0 ± 1.0"
    assert gis["over best"]["mean"] == pytest.approx(0.07 / 3)
    assert gis["over mean"]["mean"] == pytest.approx(0.11 / 3)
    assert arms.rows[1][3:5] == [None, None]
    cost = {row[0]: row[-1] for row in arms.rows}
    assert (cost["gis"], cost["ensemble"]) == ("1", "10")
    assert soups.rows == [
        ["gis", "2.0", "60 %", "101"],
        ["learned", "2.0", "70 %", "7"],
        ["different_init_gis", "1.0", "100 %", "91"],
    ]
    assert stages.rows == [
        ["train", "75 s", "1,234"],
        ["one ingredient", "2.00 s", "700"],
    ]


def test_the_page_has_it_all(tmp_path):
    html = write_report(build(), tmp_path).read_text("utf-8")
    assert "The soup won" in html
    assert "validation loss" in html
    assert "note of gis" in html
    assert (tmp_path / "study.png").stat().st_size > 1000


def test_the_terminal_needs_no_more_than_80_columns():
    console = Console(width=80)
    with console.capture() as captured:
        console.print(summary_table(build()))
    text = captured.get()
    assert max(map(len, text.splitlines())) <= 80
    assert "best_by_validation" in text
    assert "…" not in text


def test_markdown_has_the_intervals():
    assert "+2.3 [+0.9, +3.8]" in summary_markdown(build())


@pytest.mark.parametrize("nonsense", [None, [], {}, "text", 3, [None], [{"arm": ""}]])
def test_nothing_to_show(nonsense):
    result = build()
    study = {"kind": "ladling", "rows": nonsense, "gain": nonsense}
    assert ladling_section(result, study) == ""
    arms, soups, stages = ladling_sheets(result, study)
    assert len(arms.rows) == len(TESTS)
    assert soups.rows == stages.rows == []


def test_texts_cannot_break_out(tmp_path):
    result = build()
    study = study_of(result)
    study["rows"][0]["arm"] = result.details["method_arm"] = EVIL
    study["soups"] = {EVIL: study["soups"]["gis"]}
    study["stages"] = {EVIL: study["stages"]["train"]}
    result.arms = {EVIL: result.arms["gis"], **result.arms}
    result.details["arm_notes"] = {EVIL: EVIL}
    html = write_report(result, tmp_path).read_text("utf-8")
    assert "<script" not in html
    assert "&lt;script&gt;" in html
