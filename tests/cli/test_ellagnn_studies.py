import json

import pytest

from graphllm.cli.ellagnn_studies import (
    StudyOptions,
    parse_backbones,
    parse_depths,
)
from graphllm.cli.main import main
from graphllm.datasets import write_text_graph
from graphllm.errors import BudgetError, GraphLLMError, UnknownNameError
from graphllm.testing import FaultServer, sbm_text_graph

SMALL = ["--encoder", "tfidf", "--epochs", "3", "--hidden", "8", "--backbone", "gcn"]
BUDGET = ["--pool", "all", "--budget", "10", "--seeds", "2"]
KINDS = {
    "budget": (["--selectors", "random,degree", "--budgets", "0,5,10"], "budget"),
    "prompts": (["--prompts", "expand,summarize"], "prompts"),
    "slices": ([], "slices"),
    "llm-free": ([], "llm_free"),
    "depth": (["--depths", "1,3", "--backbones", "gcn,gcnii"], "depth"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("graph")
    write_text_graph(sbm_text_graph(60), folder)
    return folder


def run(capsys, *args):
    with pytest.raises(SystemExit) as stop:
        main(["ellagnn", *map(str, args)])
    captured = capsys.readouterr()
    return stop.value.code, captured.out, captured.err


@pytest.mark.parametrize("study", KINDS)
def test_every_study_ends_in_a_result_and_a_page(study, folder, tmp_path, capsys):
    more, kind = KINDS[study]
    with FaultServer() as server:
        args = ["--dataset", folder, "--llm", server.url, "--llm-model", "any"]
        args += [*SMALL, *BUDGET, "--study", study, "--out", tmp_path / "o", *more]
        planned = run(capsys, *args, "--dry-run", "--json")[1]
        assert server.calls == 0
        code, stdout, stderr = run(capsys, *args)
        assert code == 0, stderr
        if study in ("budget", "prompts", "slices"):
            assert server.calls == json.loads(planned)["calls"]
    result = json.loads((tmp_path / "o" / "result.json").read_text())
    assert result["details"]["study"]["kind"] == kind
    assert result["details"]["study"]["rows"]
    assert "study" in result["config"]["command"] or result["config"]["study"] == study
    assert (tmp_path / "o" / "report.html").stat().st_size > 5000
    assert "result.json" in stdout


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--study", "bugdet"], "Did you mean 'budget'"),
        (["--study", "budget", "--selectors", "degre"], "Did you mean 'degree'"),
        (["--study", "budget", "--budgets", "0,2.5"], "shares from 0 to 1"),
        (["--study", "depth", "--depths", "2,x"], "positive whole numbers"),
        (["--study", "depth", "--backbones", "gcnn"], "Did you mean 'gcn'"),
        (["--neighbors", "friends"], "similarity"),
        (["--inference-neighbors", "friends"], "uniform"),
        (["--batch-size", "8", "--fan-out", "5"], "one a layer"),
        (["--batch-size", "8", "--fan-out", "5,0"], "positive whole numbers"),
    ],
)
def test_bad_options_are_one_clear_line(change, message, folder, tmp_path, capsys):
    args = ["--dataset", folder, *SMALL, *BUDGET, "--llm", "oracle"]
    args += ["--out", tmp_path / "o", *change]
    code, stdout, stderr = run(capsys, *args)
    errors = [line for line in stderr.splitlines() if line.startswith("error: ")]
    assert code == 2, stderr
    assert len(errors) == 1, stderr
    assert message in errors[0], errors[0]
    assert stdout == ""


def test_batches_through_the_command_line(folder, tmp_path, capsys):
    with FaultServer() as server:
        args = ["--dataset", folder, "--llm", server.url, "--llm-model", "any"]
        args += [*SMALL, *BUDGET, "--batch-size", 8, "--fan-out", "3,-1"]
        code, _, stderr = run(capsys, *args, "--out", tmp_path / "o")
    assert code == 0, stderr
    config = json.loads((tmp_path / "o" / "result.json").read_text())["config"]
    assert config["batch_size"] == 8
    assert config["num_neighbors"] == [3, -1]


def test_depths_and_backbones():
    assert parse_depths("8, 2,2") == [2, 8]
    assert parse_backbones("gcn, gcnii_norm") == ["gcn", "gcnii_norm"]
    for wrong in ("", "0", "-2", "2.5", "two"):
        with pytest.raises(GraphLLMError, match="--depths"):
            parse_depths(wrong)
    with pytest.raises(UnknownNameError, match="gcn"):
        parse_backbones("gcm")
    with pytest.raises(GraphLLMError, match="--backbones"):
        parse_backbones(" ,")


def test_options_of_other_studies_are_not_read():
    wrong = StudyOptions("nobody", "0", "none", "none")
    wrong.check(None)
    wrong.check("slices")
    with pytest.raises(UnknownNameError, match="selector"):
        wrong.check("budget")
    with pytest.raises(BudgetError, match="none above 0"):
        StudyOptions("degree", "0", "2", "gcn").check("budget")
