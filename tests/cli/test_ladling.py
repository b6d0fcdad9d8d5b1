import json

import pytest

from graphllm.cli.main import main
from graphllm.datasets import write_text_graph
from graphllm.experiments.ladling import METHODS
from graphllm.experiments.ladling.runners import vmapped
from graphllm.testing import sbm_text_graph

SMALL = ["--encoder", "tfidf", "--epochs", "6", "--hidden", "8", "--ingredients", "3"]
FEW = ["--methods", "gis", "--seeds", "1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("made") / "graph"
    write_text_graph(sbm_text_graph(60, 0.25, 0.05), path)
    return path


def arguments(folder, out, *more):
    return ["ladling", "--dataset", str(folder), "--out", str(out), *SMALL, *more]


def run(capsys, *args):
    with pytest.raises(SystemExit) as stop:
        main(list(args))
    captured = capsys.readouterr()
    return stop.value.code, captured.out, captured.err


def test_end_to_end_from_files(folder, tmp_path, capsys, monkeypatch):
    args = arguments(folder, tmp_path, "--repeats", "2", "--norm", "batch_norm")
    code, stdout, stderr = run(capsys, *args)
    assert code == 0, stderr
    assert "Soups of 3 ingredients" in stdout
    assert "train: 12 done" in stderr
    result = json.loads((tmp_path / "result.json").read_text())
    baselines = ["mean_ingredient", "best_by_validation", "best_recalibrated"]
    assert list(result["arms"]) == [*baselines, *METHODS]
    assert result["split"] == "file"
    assert result["config"]["features"] == "text"
    assert result["config"]["norm"] == "batch_norm"
    assert result["config"]["runner"] == "Vmapped(width=16)"
    assert result["config"]["command"].startswith("graphllm ")
    assert result["details"]["encoder"].startswith("tfidf/")
    row = next(r for r in result["details"]["study"]["rows"] if r["arm"] == "gis")
    assert {"mean", "low", "high", "n"} <= set(row["over_best"]) & set(row["over_mean"])
    assert "Without shared initial weights" in (tmp_path / "report.html").read_text()
    # A second run trains nothing and agrees.
    monkeypatch.setattr(vmapped, "_Training", None)
    code, stdout, stderr = run(capsys, *args, "--json")
    assert code == 0, stderr
    assert json.loads(stdout)["arms"] == result["arms"]


@pytest.mark.parametrize(
    ("change", "network"),
    [
        (["--model", "mog", "--sparsity", "0.4"], "InMoG(plain=Plain("),
        (["--backbone", "sign"], "Plain(recipe=Recipe(backbone='sign'"),
        (["--loader", "ladies", "--backbone", "resgcn"], "LayerSampled(kind='ladies'"),
        (["--runner", "inprocess", "--backbone", "gat"], "backbone='gat'"),
    ],
)
def test_networks_and_loaders(change, network, folder, tmp_path, capsys):
    args = arguments(folder, tmp_path, *FEW, *change, "--json")
    code, stdout, stderr = run(capsys, *args)
    assert code == 0, stderr
    result = json.loads(stdout)
    assert network in result["config"]["network"]
    assert list(result["arms"]) == ["mean_ingredient", "best_by_validation", "gis"]


def test_ingredients_that_read_what_a_language_model_wrote(folder, tmp_path, capsys):
    data = sbm_text_graph(60, 0.25, 0.05)
    data.full_text = data.text
    rich = tmp_path / "graph"
    write_text_graph(data, rich)
    ask = ["--model", "ellagnn", "--llm", "oracle", "--budget", "7"]
    cache = ["--cache", str(tmp_path / "answers.sqlite")]
    args = arguments(rich, tmp_path / "out", *FEW, *ask, *cache, "--json")
    code, stdout, stderr = run(capsys, *args)
    assert code == 0, stderr
    result = json.loads(stdout)
    assert result["config"]["network"].startswith("InELLaGNN(plain=Plain(")
    assert result["details"]["answers"]["parsed"] == 7
    assert result["details"]["llm"]["model"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--dataset", "corra"], "Did you mean 'cora'"),
        (["--backbone", "gcnn"], "Did you mean 'gcn'"),
        (["--norm", "layer"], "unknown norm 'layer'"),
        (["--lr", "0"], "'lr' must be > 0"),
        (["--model", "mgo"], "Did you mean 'mog'"),
        (["--model", "mog", "--backbone", "mlp"], "has none to spare"),
        (["--model", "mog", "--mix", "votes"], "Did you mean 'vote'"),
        (["--model", "mog", "--sparsity", "1.5"], "(got 1.5)"),
        (["--model", "ellagnn", "--features", "bow"], "reads encoded text"),
        (["--model", "ellagnn", "--prompts", "expnd"], "Did you mean 'expand'"),
        (["--model", "ellagnn", "--selector", "rank"], "selector 'rank'"),
        (["--model", "ellagnn", "--selector", "uncertainty"], "training labels"),
        (["--model", "ellagnn", "--budget", "some"], "budget"),
        (["--methods", "gsi"], "Did you mean 'gis'"),
        (["--methods", ","], "names nothing to make"),
        (["--runner", "threads"], "unknown runner 'threads'"),
        (["--runner", "vmap", "--backbone", "gat"], "'--runner vmap' trains gcn"),
        (["--runner", "vmap", "--workers", "2"], "'--workers 2' says nothing"),
        (["--ray", "auto", "--workers", "2"], "a Ray that runs already"),
        (["--ray", "auto", "--runner", "vmap"], "contradict each other"),
        (["--loader", "clusters"], "Did you mean 'cluster'"),
        (["--mix", "vote"], "'--mix' says nothing to '--model gnn'; it is for"),
        (["--model", "mog", "--budget", "9"], "it is for '--model ellagnn'"),
        (["--parts", "4"], "'--parts' says nothing to '--loader full'; it is for"),
        (["--loader", "neighbor", "--fan-out", "9"], "must be 2 whole numbers"),
        (["--loader", "neighbor", "--fan-out", "a,b"], "must be 2 whole numbers"),
        (["--loader", "cluster", "--parts", "1000"], "at most the 60 nodes"),
        (["--loader", "saint-edge", "--backbone", "sage"], "ignores edge weights"),
        (["--loader", "ladies", "--backbone", "gat"], "'--loader ladies' weighs edges"),
        (["--features", "bow"], "brings no features; give --features text"),
        (["--split", "halves"], "random-60-20-20"),
        (["--out", "/proc/nowhere"], "another --out"),
    ],
)
def test_bad_input_is_one_clear_line(change, message, folder, tmp_path, capsys):
    code, stdout, stderr = run(capsys, *arguments(folder, tmp_path / "o", *change))
    errors = [line for line in stderr.splitlines() if line.startswith("error: ")]
    assert code == 2, stderr
    assert len(errors) == 1, stderr
    assert message in errors[0]
    assert "Traceback" not in stderr
    assert stdout == ""


def test_an_interrupted_run_keeps_what_is_trained(
    folder, tmp_path, capsys, monkeypatch
):
    def stop(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("graphllm.experiments.ladling.repeat.Kitchen.cook", stop)
    code, _, stderr = run(capsys, *arguments(folder, tmp_path, *FEW))
    assert code == 130
    assert "run the same command to go on" in stderr
    assert len(list((tmp_path / "ingredients").iterdir())) == 3
