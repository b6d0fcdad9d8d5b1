"""``graphllm compress`` from the command line to the model directory."""

import json

import pytest
import torch

from graphllm.cli.main import main
from graphllm.compress import is_compressed
from graphllm.datasets import write_text_graph
from graphllm.llm.read_model import read_model
from graphllm.testing import sbm_text_graph
from graphllm.testing.tiny_llms import byte_tokenizer, tiny_llm

QUICK = ["--windows", "2", "--window", "16", "--sequences", "4", "--length", "12"]
QUICK += ["--repeats", "1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data set and a dense model."""
    path = tmp_path_factory.mktemp("made")
    data = sbm_text_graph(60, 0.25, 0.05)
    write_text_graph(data, path / "graph")
    tokenizer = byte_tokenizer()
    tiny_llm("llama", tokenizer).save_pretrained(path / "dense")
    tokenizer.save_pretrained(path / "dense")
    (path / "news.txt").write_text(" ".join(data.text))
    return path


def run(capsys, *args):
    with pytest.raises(SystemExit) as stop:
        main(["compress", *args])
    captured = capsys.readouterr()
    return stop.value.code, captured.out, captured.err


def arguments(folder, out, *more):
    graph = str(folder / "graph")
    args = ["--model", str(folder / "dense"), "--calibration", graph, "--text", graph]
    return [*args, "--out", str(out), *QUICK, *more]


def test_end_to_end(folder, tmp_path, capsys):
    out = tmp_path / "small"
    args = arguments(folder, out, "--method", "wanda", "--ratio", "0.5")
    code, stdout, stderr = run(capsys, *args, "--allocate", "owl")
    assert code == 0, stderr
    assert "wanda" in stdout
    assert "compress: 2 done" in stderr
    result = json.loads((out / "result.json").read_text())
    assert list(result["arms"]) == ["dense", "wanda"]
    assert result["config"]["allocate"] == "owl"
    assert result["config"]["command"].startswith("graphllm ")
    study = result["details"]["study"]
    assert study["text"] == {
        "tokens": 32,
        "window": 16,
        "name": str(folder / "graph"),
    }
    assert study["calibration"]["sequences"] == 4
    assert (out / "report.html").stat().st_size > 1000
    # The directory is a model, of which half of the blocks' weights are zero.
    _, model = read_model(str(out), None, torch.device("cpu"))
    weights = [m.weight for m in model.model.layers.modules() if hasattr(m, "weight")]
    zeros = sum(int((w == 0).sum()) for w in weights if w.dim() == 2)
    whole = sum(w.numel() for w in weights if w.dim() == 2)
    # Shares of OWL are rounded row by row.
    assert zeros == pytest.approx(whole / 2, rel=0.05)


@pytest.mark.parametrize(
    ("options", "method"),
    [
        (["--method", "int8"], "int8"),
        (["--method", "gptq", "--bits", "3", "--group-size", "16", "--packed"], "gptq"),
        (["--method", "welore", "--ratio", "0.5", "--objective", "params"], "welore"),
        (["--method", "drop-ffn", "--ratio", "0.5"], "drop_ffn"),
        (["--method", "magnitude", "--pattern", "2:4"], "magnitude"),
    ],
)
def test_methods(folder, tmp_path, capsys, options, method):
    args = arguments(folder, tmp_path, *options, "--repeats", "0", "--json")
    code, stdout, stderr = run(capsys, *args)
    assert code == 0, stderr
    result = json.loads(stdout)
    assert list(result["arms"]) == ["dense", method]
    assert "decode" not in result["arms"][method]
    told = result["details"]["study"]["calibration"]
    assert (told is None) == (method in ("int8", "magnitude"))
    assert is_compressed(tmp_path)


def test_a_second_run_replaces_the_first(folder, tmp_path, capsys):
    text = str(folder / "news.txt")
    args = arguments(folder, tmp_path, "--text", text, "--repeats", "0")
    assert run(capsys, *args)[0] == 0
    code, _, stderr = run(capsys, *args, "--method", "int4", "--group-size", "16")
    assert code == 0, stderr
    result = json.loads((tmp_path / "result.json").read_text())
    assert list(result["arms"]) == ["dense", "int4"]


def test_repair(folder, tmp_path, capsys):
    options = ["--method", "wanda", "--ratio", "0.5", "--repair", "sparse_lora"]
    steps = ["--repair-steps", "2", "--repair-lr", "1e-3", "--repeats", "0"]
    args = arguments(folder, tmp_path, *options, *steps, "--json")
    code, stdout, stderr = run(capsys, *args)
    assert code == 0, stderr
    assert "repair: 2 done" in stderr
    assert len(json.loads(stdout)["details"]["study"]["repair"]["losses"]) == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--method", "wandb"], "Did you mean 'wanda'?"),
        (["--method", "wanda"], "either 'ratio' or 'pattern'"),
        (["--method", "wanda", "--ratio", "1.5"], "inside of (0, 1)"),
        (["--method", "wanda", "--ratio", "0.5", "--bits", "4"], "means nothing to"),
        (["--method", "drop-ffn", "--blocks", "two"], "numbers of blocks from 0"),
        (["--method", "drop-ffn", "--blocks", "9"], "must be below"),
        (["--method", "ffn-width"], "ffn-width needs '--ratio'"),
        (["--method", "int4", "--group-size", "7"], "group"),
        (["--method", "int8", "--repair", "full"], "unknown repair 'full'"),
        (["--method", "int8", "--repair", "lora"], "leaves few values"),
        (["--method", "wanda", "--ratio", "0.5", "--repair", "lora"], "fills the"),
        (["--method", "int8", "--repair-steps", "9"], "says nothing without"),
        (["--method", "ffn-skip", "--gguf", "Q8_0"], "cannot say which layers"),
        (
            ["--method", "ffn-skip", "--ratio", "0.1", "--k", "2"],
            "are for '--mode dynamic'",
        ),
        (["--method", "int8", "--gguf", "Q9"], "unknown GGUF type 'Q9'"),
        (["--model", "no-such-model"], "no model 'no-such-model'"),
        (["--device", "nowhere"], "no device 'nowhere'"),
        (["--window", "5000"], "fewer than one window"),
        (["--text", "no-such-graph"], "no-such-graph"),
        (
            ["--method", "wanda", "--ratio", "0.5", "--length", "9999"],
            "fewer than one sequence",
        ),
    ],
)
def test_one_line_and_nothing_written(folder, tmp_path, capsys, options, said):
    out = tmp_path / "small"
    code, _, stderr = run(capsys, *arguments(folder, out, *options))
    assert code == 2
    last = stderr.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert said in last
    assert not out.exists()


def test_the_model_itself_is_never_replaced(folder, tmp_path, capsys):
    args = arguments(folder, tmp_path, "--repeats", "0")
    assert run(capsys, *args)[0] == 0
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = ["--model", f"{tmp_path}/.", "--out", str(tmp_path)]
    code, _, stderr = run(capsys, *args, *again)
    assert code == 2
    assert "is the model itself" in stderr
    assert {p.name: p.stat().st_mtime_ns for p in tmp_path.iterdir()} == before


def test_a_home_directory_is_one(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(folder)
    code, _, stderr = run(capsys, *arguments(folder, "~/small", "--repeats", "0"))
    assert code == 0, stderr
    assert is_compressed(tmp_path / "small")
    assert (tmp_path / "small" / "result.json").exists()
    assert not (folder / "~").exists()


def test_nobody_is_measured_on_what_was_calibrated_on(folder, tmp_path, capsys):
    text = str(folder / "news.txt")
    told = ["--text", text, "--calibration", text]
    pruned = [*told, "--method", "wanda", "--ratio", "0.5"]
    code, _, stderr = run(capsys, *arguments(folder, tmp_path / "o", *pruned))
    assert code == 2
    assert "is both calibration and text" in stderr
    # A method that reads no text may have its file twice.
    told += ["--repeats", "0"]
    assert run(capsys, *arguments(folder, tmp_path / "o", *told))[0] == 0


def test_a_folder_of_something_else_stays_as_it_is(folder, tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("mine")
    code, _, stderr = run(capsys, *arguments(folder, tmp_path))
    assert code == 2
    assert "holds no compressed model" in stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
