import json

import pytest
import typer
from typer.testing import CliRunner

from graphllm.cli.report import names_of, report
from graphllm.errors import GraphLLMError
from graphllm.evaluate import Result, summary


@pytest.fixture
def run():
    app = typer.Typer(rich_markup_mode=None)
    app.command()(report)
    return lambda *arguments: CliRunner().invoke(
        app, [str(argument) for argument in arguments], catch_exceptions=False
    )


@pytest.fixture
def two_runs(tmp_path):
    folders = []
    for name, gain in (("first", 0.01), ("second", 0.03)):
        arms = {
            "plain": {"test_acc": summary([0.70, 0.72, 0.71])},
            "ellagnn": {"test_acc": summary([0.70 + gain, 0.72 + gain, 0.71 + gain])},
        }
        result = Result("ellagnn", {"name": "toy"}, "file", [0, 1, 2], arms)
        result.usage = {"calls": 12}
        result.details = {"examples": [{"node": 1, "text": "t", "answers": []}]}
        result.save(tmp_path / name / "result.json")
        folders.append(tmp_path / name)
    return folders


def test_one_run_gets_its_page(run, two_runs):
    done = run(two_runs[1])
    page = two_runs[1] / "report.html"
    assert done.exit_code == 0
    assert f"report: {page}" in done.stdout.replace("\n", "")
    assert "+3.0 ± 0.0" in done.stdout
    assert "74.0 ± 1.0" in page.read_text(encoding="utf-8")


def test_the_file_itself_will_do(run, two_runs):
    assert run(two_runs[0] / "result.json").exit_code == 0
    assert (two_runs[0] / "report.html").exists()


def test_several_runs_are_compared(run, two_runs, tmp_path):
    page = tmp_path / "pages" / "both.html"
    done = run(*two_runs, "--out", page)
    assert done.exit_code == 0
    html = page.read_text(encoding="utf-8")
    for shown in ("first", "second", "72.0 ± 1.0", "74.0 ± 1.0"):
        assert shown in html


def test_comparison_goes_to_the_working_directory(run, two_runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(*two_runs).exit_code == 0
    assert (tmp_path / "comparison.html").exists()


def test_json_is_all_there_is_on_stdout(run, two_runs, tmp_path):
    done = run(*two_runs, "--json", "--out", tmp_path / "c.html")
    found = json.loads(done.stdout)
    assert done.stderr == ""
    assert found["report"] == str(tmp_path / "c.html")
    assert [entry["name"] for entry in found["runs"]] == ["first", "second"]
    arms = found["runs"][1]["arms"]
    assert arms["ellagnn"]["test_acc"]["mean"] == pytest.approx(0.74)
    assert "details" not in found["runs"][0]


def test_a_folder_without_a_result(run, tmp_path):
    with pytest.raises(GraphLLMError, match=r"no result\.json at"):
        run(tmp_path)


def test_a_place_that_cannot_be_written(run, two_runs, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(GraphLLMError, match=r"cannot write .*give another --out"):
        run(two_runs[0], "--out", tmp_path / "file" / "report.html")


def test_no_folder_is_a_usage_error(run):
    assert run().exit_code == 2


def test_names_tell_runs_apart(tmp_path):
    one, other = tmp_path / "a" / "run", tmp_path / "b" / "run"
    assert names_of([one]) == ["run"]
    assert names_of([one, tmp_path / "c"]) == ["run", "c"]
    assert names_of([one, other]) == [str(one), str(other)]
