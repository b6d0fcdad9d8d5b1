import json
from functools import wraps

import pytest
import torch

from graphllm.cli.main import main
from graphllm.datasets import write_text_graph
from graphllm.experiments.mog import trained
from graphllm.testing import sbm_text_graph

SMALL = ["--encoder", "tfidf", "--epochs", "10", "--hidden", "8", "--interval", "2"]
FEW = ["--arms", "random,mog_vote,mog_refit", "--sparsity", "0.4", "--seeds", "2"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("made") / "graph"
    write_text_graph(sbm_text_graph(60, 0.25, 0.05), path)
    return path


def arguments(folder, out, *more):
    return ["mog", "--dataset", str(folder), "--out", str(out), *SMALL, *more]


def run(capsys, *args):
    with pytest.raises(SystemExit) as stop:
        main(list(args))
    captured = capsys.readouterr()
    return stop.value.code, captured.out, captured.err


def test_end_to_end_from_files(folder, tmp_path, capsys, monkeypatch):
    args = arguments(folder, tmp_path, *FEW)
    code, stdout, stderr = run(capsys, *args)
    assert code == 0, stderr
    assert "40 % of the edges removed" in stdout
    assert str(tmp_path / "report.html") in stdout
    result = json.loads((tmp_path / "result.json").read_text())
    assert list(result["arms"]) == [
        *("dense", "random@0.4", "mog_vote@0.4", "mog_refit@0.4")
    ]
    assert result["split"] == "file"
    assert result["config"]["features"] == "text"
    assert result["config"]["command"].startswith("graphllm ")
    assert result["details"]["encoder"].startswith("tfidf/")
    assert "Who picks which expert" in (tmp_path / "report.html").read_text()
    # A second run trains nothing and agrees.
    # Its defaults are part of a training's key.
    refuse = wraps(trained.fit_sparsified)(lambda *args, **options: 1 / 0)
    monkeypatch.setattr(trained, "fit_sparsified", refuse)
    monkeypatch.setattr("graphllm.experiments.ellagnn.fit", None)
    code, stdout, stderr = run(capsys, *args, "--json")
    assert code == 0, stderr
    again = json.loads(stdout)
    for arm, metrics in result["arms"].items():
        assert again["arms"][arm]["test_acc"] == metrics["test_acc"]
        assert again["arms"][arm]["kept"] == metrics["kept"]


def test_a_sparse_graph_for_other_networks(folder, tmp_path, capsys):
    """From ``mog --export`` to ``ellagnn --graph``, as tensors and as edges."""
    exported = {}
    for name in ("sparse.pt", "edges.csv"):
        export = [
            "--sparsity",
            "0.4",
            "--mix",
            "vote",
            "--export",
            str(tmp_path / name),
        ]
        args = arguments(folder, tmp_path / "mog", *export, "--json")
        code, stdout, stderr = run(capsys, *args)
        assert code == 0, stderr
        exported[name] = json.loads(stdout)
    facts = exported["sparse.pt"]
    assert facts["kept"] == round(0.6 * facts["edges"])
    assert facts | {"graph": ""} == exported["edges.csv"] | {"graph": ""}
    loaded = torch.load(tmp_path / "sparse.pt", weights_only=True)
    assert loaded["edge_index"].shape == (2, facts["kept"])
    assert not (tmp_path / "mog" / "result.json").exists()
    results = []
    for name in exported:
        out = tmp_path / name.partition(".")[0]
        code, _, stderr = run(
            capsys,
            *("ellagnn", "--dataset", str(folder), "--out", str(out)),
            *("--encoder", "tfidf", "--llm", "oracle", "--budget", "5"),
            *("--pool", "all", "--seeds", "1", "--epochs", "2", "--layers", "1"),
            *("--graph", str(tmp_path / name)),
            *("--cache", str(tmp_path / "answers.sqlite")),
        )
        assert code == 0, stderr
        results.append(json.loads((out / "result.json").read_text()))
    assert results[0]["dataset"]["num_edges"] == facts["kept"]
    assert results[0]["arms"] == results[1]["arms"]


@pytest.mark.parametrize("verb", ["ellagnn", "llaga"])
def test_labels_that_chose_the_edges_are_not_tested_on(verb, folder, tmp_path, capsys):
    path = tmp_path / "sparse.pt"
    export = ["--sparsity", "0.4", "--mix", "vote", "--export", str(path)]
    split = ["--split", "random-60-20-20"]
    assert run(capsys, *arguments(folder, tmp_path, *export, *split))[0] == 0
    where = ["--dataset", str(folder), "--out", str(tmp_path / "o")]
    small = ["--encoder", "tfidf", "--seeds", "1", "--split", "file"]
    code, _, stderr = run(capsys, verb, *where, *small, "--graph", str(path))
    assert code == 2
    assert "whose labels chose the edges of the sparse graph" in stderr


def test_the_export_is_a_line(folder, tmp_path, capsys):
    export = ["--sparsity", "0.4", "--mix", "vote", "--export", str(tmp_path / "s.pt")]
    code, stdout, _ = run(capsys, *arguments(folder, tmp_path, *export))
    assert code == 0
    assert stdout.startswith(f"sparse graph: {tmp_path / 's.pt'} (")
    assert stdout.count("\n") == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--dataset", "corra"], "Did you mean 'cora'"),
        (["--backbone", "gcnn"], "Did you mean 'gcn'"),
        (["--backbone", "mlp"], "'--backbone mlp' reads no edges"),
        (["--sparsity", "some"], "'--sparsity some'"),
        (["--sparsity", "0.3,1"], r"below 1 (got 1)"),
        (["--sparsity", ","], "at least one sparsity"),
        (["--mix", "votes"], "Did you mean 'vote'"),
        (["--criteria", "degre"], "Did you mean 'degree'"),
        (["--criteria", ","], "at least one edge criterion"),
        (["--k", "4", "--criteria", "scan"], "'k' must be in [1, 3]"),
        (["--arms", "randon"], "Did you mean 'random'"),
        (["--arms", ","], "nothing to compare"),
        (["--arms", "random,mog", "--mix", "vote"], "leaves out 'mog_vote'"),
        (["--features", "words"], "unknown kind of features 'words'"),
        (["--features", "bow"], "brings no features; give --features text"),
        (["--split", "halves"], "random-60-20-20"),
        (["--encoder", "nothing"], "nothing"),
        (["--out", "/proc/nowhere"], "another --out"),
        (["--export", "s.pt"], "'--sparsity 0.1,0.3,0.5' names 3"),
        (["--export", "s.pt", "--sparsity", "0.3", "--arms", "scan"], "has none"),
        (["--export", ".", "--sparsity", "0.3"], "is a folder"),
    ],
)
def test_bad_input_is_one_clear_line(change, message, folder, tmp_path, capsys):
    args = arguments(folder, tmp_path / "o", *change)
    code, stdout, stderr = run(capsys, *args)
    errors = [line for line in stderr.splitlines() if line.startswith("error: ")]
    assert code == 2, stderr
    assert len(errors) == 1, stderr
    assert message in errors[0]
    assert "Traceback" not in stderr
    assert stdout == ""


@pytest.mark.parametrize("verb", ["ellagnn", "llaga"])
def test_a_graph_file_of_another_data_set_is_one_line(verb, folder, tmp_path, capsys):
    torch.save(
        {
            "edge_index": torch.zeros(2, 1, dtype=torch.long),
            "num_nodes": torch.tensor(7),
        },
        tmp_path / "s.pt",
    )
    out = ["--dataset", str(folder), "--out", str(tmp_path / "o")]
    for path, message in ((tmp_path / "s.pt", "7 nodes"), ("none.pt", "no such file")):
        code, _, stderr = run(capsys, verb, *out, "--graph", str(path))
        assert code == 2
        (error,) = [x for x in stderr.splitlines() if x.startswith("error: ")]
        assert message in error


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("name", ["cora", "citeseer", "pubmed"])
def test_the_words_of_planetoid(name, data_root, tmp_path, capsys):
    args = ["--dataset", name, "--data-root", str(data_root), "--features", "bow"]
    few = ["--arms", "random", "--sparsity", "0.3", "--seeds", "1", "--epochs", "20"]
    code, _, stderr = run(capsys, "mog", *args, *few, "--out", str(tmp_path))
    assert code == 0, stderr
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["split"] == "planetoid-public"
    assert result["config"]["features"] == "bow"
    assert result["arms"]["dense"]["test_acc"]["mean"] > 0.5
