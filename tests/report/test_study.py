import io

import pytest
from rich.console import Console

from graphllm.evaluate import Result, paired_difference, summary
from graphllm.report import summary_markdown, summary_table, write_report
from graphllm.report.study import study_plot, study_section, study_sheets

ARMS = {"plain": [0.5, 0.6, 0.7], "a": [0.6, 0.7, 0.81], "b": [0.5, 0.61, 0.7]}


@pytest.fixture
def study():
    rows = [
        {
            "name": name,
            "test_acc": summary(values),
            "lift_plain": paired_difference(values, ARMS["plain"]),
        }
        for name, values in ARMS.items()
        if name != "plain"
    ]
    arms = {
        name: {"test_acc": summary(values), "val_acc": summary(values[::-1])}
        for name, values in ARMS.items()
    }
    arms["b"]["val_acc"] = summary([0.9, 0.9, 0.9])
    details = {"study": {"kind": "llm_free", "rows": rows}}
    return Result("ellagnn", {"name": "toy"}, "file", [0, 1, 2], arms, details=details)


def shown(renderable):
    console = Console(file=io.StringIO(), width=80, color_system=None)
    console.print(renderable)
    return console.file.getvalue()


def test_the_page_has_the_study_in_place_of_its_arms(study, tmp_path):
    html = write_report(study, tmp_path).read_text(encoding="utf-8")
    assert "Doing without the language model" in html
    assert "<h2>Arms</h2>" not in html
    assert (tmp_path / "study.png").exists()
    assert not (tmp_path / "arms.png").exists()
    # the arm to remember is not the one with the best test accuracy
    assert "<dt>b</dt>" in html
    assert "test_acc, %, chosen on validation" in html


def test_the_page_survives_its_way_through_a_file(study, tmp_path):
    before = study_section(study)
    study.save(tmp_path / "result.json")
    assert study_section(Result.load(tmp_path)) == before


def test_terminal_and_markdown_show_the_study(study):
    text = shown(summary_table(study))
    assert "Ways to train" in text
    assert "+10.3*" in text
    assert "* zero lies outside" in text
    markdown = summary_markdown(study)
    assert markdown.startswith("**Ways to train**\n\n| training | test % |")
    assert "| a | 70.3 ± 10.5 | +10.3 [" in markdown


def test_without_a_study_there_are_the_arms(study):
    study.details = {}
    assert study_section(study) == ""
    assert study_plot(study) is None
    assert study_sheets(study) == []
    assert "vs plain" in shown(summary_table(study))
    assert summary_markdown(study).startswith("| arm |")


def test_a_study_from_the_future_is_left_out(study):
    study.details = {"study": {"kind": "unheard-of", "rows": [{}]}}
    assert study_section(study) == ""
    assert "vs plain" in shown(summary_table(study))


def test_a_depth_study_has_its_own_part_plot_and_table(tmp_path):
    rows = [
        {"network": "gcn <x>", "depth": depth, "arm": f"gcn@{depth}", "test_acc": 0.5}
        for depth in (2, 4)
    ]
    arms = {f"gcn@{depth}": {"test_acc": summary([0.5, 0.7])} for depth in (2, 4)}
    details = {"study": {"kind": "depth", "rows": rows}}
    result = Result("ellagnn", {}, "file", [0, 1], arms, details=details)
    html = write_report(result, tmp_path).read_text(encoding="utf-8")
    assert "<h2>Depth</h2>" in html
    assert "<h2>Arms</h2>" not in html
    assert (tmp_path / "study.png").exists()
    assert "gcn <x>  60.0 ± 14.1  60.0 ± 14.1" in shown(summary_table(result))
