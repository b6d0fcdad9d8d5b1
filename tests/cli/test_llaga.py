import json
import os
import signal
import subprocess
import sys
import time

import pytest

from graphllm.cli.main import main
from graphllm.datasets import write_text_graph
from graphllm.llm import TransformersLLM
from graphllm.testing import sbm_text_graph
from graphllm.testing.tiny_llms import byte_tokenizer, tiny_llm

SMALL = ["--encoder", "tfidf", "--epochs", "1", "--device", "cpu"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A small graph, another one, and a random language model, as folders."""
    folder = tmp_path_factory.mktemp("made")
    write_text_graph(sbm_text_graph(60), folder / "graph")
    write_text_graph(sbm_text_graph(45, seed=1), folder / "other")
    tokenizer = byte_tokenizer(chat=True)
    tiny_llm("llama", tokenizer).save_pretrained(folder / "llm")
    tokenizer.save_pretrained(folder / "llm")
    return folder


def arguments(made, out, *more):
    where = ["--dataset", str(made / "graph")] if "--train" not in more else []
    return [
        "llaga",
        *where,
        "--llm",
        str(made / "llm"),
        "--out",
        str(out),
        *SMALL,
        *more,
    ]


def run(capsys, *args):
    with pytest.raises(SystemExit) as stop:
        main(list(args))
    captured = capsys.readouterr()
    return stop.value.code, captured.out, captured.err


@pytest.mark.parametrize(
    ("task", "template", "more", "expected"),
    [
        ("nc", "ho", ["--hops", "2"], {"llaga", "center_only", "gcn", "linear_probe"}),
        ("nc", "nd", ["--fan-out", "3,2", "--arms", "llaga"], {"llaga"}),
        ("lp", "ho", ["--norm", "sym", "--arms", "llaga,gcn"], {"llaga", "gcn"}),
        ("lp", "nd", ["--fan-out", "3", "--pe", "none", "--arms", "llaga"], {"llaga"}),
        ("desc", "ho", ["--max-eval", "4"], {"llaga", "shuffled", "reference_level"}),
    ],
)
def test_end_to_end_from_files(task, template, more, expected, made, tmp_path, capsys):
    args = ["--task", task, "--template", template, *more]
    code, stdout, stderr = run(capsys, *arguments(made, tmp_path, *args))
    assert code == 0, stderr
    assert str(tmp_path / "report.html") in stdout
    result = json.loads((tmp_path / "result.json").read_text())
    assert expected <= set(result["arms"])
    assert result["config"]["task"] == task
    assert result["config"]["template"]["name"] == template
    assert result["config"]["command"].startswith("graphllm ")
    assert result["details"]["encoder"].startswith("tfidf/")
    assert result["split"] == ("links-70-10-20" if task == "lp" else "file")
    page = (tmp_path / "report.html").read_text()
    assert "Training the projector" in page
    assert ("What answers rest on" in page) == (task != "desc")
    checkpoint = tmp_path / result["details"]["checkpoints"]["llaga"]
    assert (checkpoint / "llaga.json").exists()


def test_transfer_to_a_graph_that_was_not_learned_from(made, tmp_path, capsys):
    pair = ["--train", str(made / "graph"), "--test", str(made / "other")]
    args = arguments(made, tmp_path, *pair, "--hops", "1", "--max-eval", "6")
    code, _, stderr = run(capsys, *args)
    assert code == 0, stderr
    result = json.loads((tmp_path / "result.json").read_text())
    assert {"llaga_graph", "zero_shot_other", "majority_other"} <= set(result["arms"])
    assert result["split"] == "random-60-20-20"


def test_json_is_all_there_is_on_stdout(made, tmp_path, capsys):
    args = arguments(made, tmp_path, "--arms", "linear_probe", "--json")
    _, stdout, stderr = run(capsys, *args)
    assert json.loads(stdout)["method"] == "llaga"
    assert "open language model" in stderr


def test_a_second_run_trains_nothing_and_agrees(made, tmp_path, capsys, monkeypatch):
    args = arguments(made, tmp_path, "--arms", "llaga,gcn", "--seeds", "2")
    run(capsys, *args)
    first = json.loads((tmp_path / "result.json").read_text())
    monkeypatch.setattr("graphllm.experiments.llaga.trained.fit_llaga", None)
    assert run(capsys, *args)[0] == 0
    second = json.loads((tmp_path / "result.json").read_text())
    assert first["arms"] == second["arms"]
    assert first["details"] == second["details"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--dataset", "corra"], "Did you mean 'cora'"),
        (["--dataset", "/no/such/dir"], "/no/such/dir"),
        (["--task", "cn"], "unknown task 'cn'"),
        (["--template", "od"], "Choose one of: ho, nd"),
        (["--norm", "max"], "unknown hop norm 'max'"),
        (["--fan-out", "10,0"], "'--fan-out 10,0'"),
        (["--fan-out", "many"], "'--fan-out many'"),
        (["--fan-out", ","], "one a level"),
        (["--pe", "laplace"], "Did you mean 'laplacian'"),
        (["--pad-mode", "pad"], "unknown pad mode 'pad'"),
        (["--fan-out", "5,5"], "'--fan-out 5,5' is not read with '--template ho'"),
        (["--template", "nd", "--hops", "2"], "'--hops 2' is not read"),
        (["--pad-mode", "zero"], "'--pad-mode zero' is not read"),
        (["--task", "desc", "--label-smoothing", "0.1"], "'--task desc'"),
        (["--arms", "llaga,gnc"], "Did you mean 'gcn'"),
        (["--arms", ","], "names none of"),
        (["--task", "lp", "--arms", "llm_text_zero_shot"], "arm of task 'lp'"),
        (["--task", "desc", "--arms", "llaga"], "'--arms llaga'"),
        (["--task", "lp", "--split", "file"], "leave --split out"),
        (["--split", "halves"], "random-60-20-20"),
        (["--split", "planetoid-publik"], "Did you mean 'planetoid-public'"),
        (["--domain", "papers"], "unknown domain 'papers'"),
        (["--dtype", "float8"], "unknown dtype 'float8'"),
        (["--device", "nowhere"], "no device 'nowhere'"),
        (["--lr", "0"], "'lr' must be above 0"),
        (["--encoder", "nothing"], "nothing"),
        (["--llm", "no-such-model"], "no model 'no-such-model'"),
        (["--llm", "minilm"], "'minilm' is no language model"),
        (["--llm", __file__], "is no language model"),
        (["--llm", "http://127.0.0.1:9/v1"], "needs the model's weights"),
        (["--llm", "replay:answers.jsonl"], "needs the model's weights"),
        (["--llm", "llamacpp:smollm2"], "needs the model's weights"),
        (["--llm", "oracle"], "needs the model's weights"),
        (["--train", "cora"], "both --train A,B and --test C"),
        (["--train", "cora", "--test", "citeseer"], "leave it out"),
        (["--out", "/proc/nowhere"], "another --out"),
    ],
)
def test_bad_input_is_one_clear_line(
    change, message, made, tmp_path, capsys, monkeypatch
):
    # Nothing of this may cost the loading of a model.
    monkeypatch.setattr(TransformersLLM, "from_pretrained", None)
    args = ["--dataset", str(made / "graph"), "--llm", str(made / "llm"), *SMALL]
    code, stdout, stderr = run(
        capsys, "llaga", *args, "--out", str(tmp_path / "o"), *change
    )
    errors = [line for line in stderr.splitlines() if line.startswith("error: ")]
    assert code == 2, stderr
    assert len(errors) == 1, stderr
    assert message in errors[0]
    assert "Traceback" not in stderr
    assert stdout == ""


def test_a_folder_without_a_model_is_one_line(made, tmp_path, capsys):
    args = arguments(made, tmp_path / "o", "--llm", str(made / "graph"))
    code, _, stderr = run(capsys, *args)
    assert code == 2
    assert stderr.splitlines()[-1].startswith("error: cannot load the model")


def test_links_need_no_labels(made, tmp_path, capsys):
    data = sbm_text_graph(60)
    for name in ("y", "label_names", "train_mask", "val_mask", "test_mask"):
        del data[name]
    write_text_graph(data, tmp_path / "bare")
    args = arguments(made, tmp_path / "o", "--task", "lp", "--arms", "linear_probe")
    args[args.index("--dataset") + 1] = str(tmp_path / "bare")
    code, _, stderr = run(capsys, *args)
    assert code == 0, stderr


@pytest.mark.slow
def test_kill_9_in_the_middle_of_a_training(made, tmp_path):
    """The rerun goes on where it was cut and ends with the same numbers."""

    def start(out):
        more = ["--epochs", "8", "--batch-size", "1", "--patience", "8"]
        args = arguments(made, out, *more, "--arms", "llaga", "--hops", "2")
        return subprocess.Popen(
            [sys.executable, "-m", "graphllm", *args],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    assert start(tmp_path / "whole").wait() == 0
    process = start(tmp_path / "cut")
    while not (states := list(tmp_path.glob("cut/training-*/training.json"))):
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = json.loads(states[0].read_text())["fit"]["step"]
    assert not (tmp_path / "cut" / "result.json").exists()
    assert start(tmp_path / "cut").wait() == 0
    whole, cut = (
        json.loads((tmp_path / name / "result.json").read_text())
        for name in ("whole", "cut")
    )
    assert 0 < before < whole["details"]["training"]["llaga"]["step"]
    assert cut["arms"] == whole["arms"]
    for name in ("curves", "explanations", "checkpoints"):
        assert cut["details"][name] == whole["details"][name]
