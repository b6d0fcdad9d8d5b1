import json
import os
import signal
import subprocess
import sys
import time

import pytest

from graphllm.cli.main import main
from graphllm.datasets import write_text_graph
from graphllm.testing import FaultServer, sbm_text_graph

SMALL = ["--encoder", "tfidf", "--epochs", "4", "--hidden", "8", "--layers", "1"]
BUDGET = ["--pool", "all", "--budget", "10", "--seeds", "2"]


@pytest.fixture
def folder(tmp_path):
    write_text_graph(sbm_text_graph(60), tmp_path / "graph")
    return tmp_path / "graph"


@pytest.fixture
def server():
    with FaultServer() as running:
        yield running


def arguments(folder, url, out, *more):
    where = ["--dataset", str(folder), "--llm", url, "--out", str(out)]
    model = ["--llm-model", "any"] if url.startswith("http") else []
    return ["ellagnn", *where, *model, *SMALL, *BUDGET, *more]


def run(capsys, *args):
    with pytest.raises(SystemExit) as stop:
        main(list(args))
    captured = capsys.readouterr()
    return stop.value.code, captured.out, captured.err


def test_end_to_end_from_files(folder, server, tmp_path, capsys):
    out = tmp_path / "out"
    code, stdout, _ = run(capsys, *arguments(folder, server.url, out))
    assert code == 0
    assert "ellagnn_llm_at_test" in stdout
    assert str(out / "report.html") in stdout
    result = json.loads((out / "result.json").read_text())
    assert {"plain", "random", "shuffled", "ellagnn"} <= set(result["arms"])
    assert result["seeds"] == [0, 1]
    assert result["split"] == "file"
    assert result["usage"]["calls"] == server.calls
    assert result["config"]["command"].startswith("graphllm ")
    assert "shuffled" in (out / "report.html").read_text()


def test_a_second_run_asks_nothing_and_agrees(folder, server, tmp_path, capsys):
    first, second = tmp_path / "one", tmp_path / "two"
    run(capsys, *arguments(folder, server.url, first))
    asked = server.calls
    run(capsys, *arguments(folder, server.url, second))
    assert server.calls == asked
    one, two = (json.loads((d / "result.json").read_text()) for d in (first, second))
    assert one["arms"] == two["arms"]
    assert two["usage"]["calls"] == 0
    assert two["usage"]["cache_hits"] > 0


def test_json_is_all_there_is_on_stdout(folder, server, tmp_path, capsys):
    _, stdout, _ = run(capsys, *arguments(folder, server.url, tmp_path / "o", "--json"))
    assert json.loads(stdout)["method"] == "ellagnn"


def test_dry_run_asks_nothing_and_predicts_the_calls(folder, server, tmp_path, capsys):
    args = arguments(folder, server.url, tmp_path / "o")
    _, stdout, _ = run(capsys, *args, "--dry-run", "--json")
    assert server.calls == 0
    assert not (tmp_path / "o" / "result.json").exists()
    planned = json.loads(stdout)["calls"]
    run(capsys, *args)
    assert server.calls == planned
    _, stdout, _ = run(capsys, *args, "--dry-run")
    assert "0 calls" in stdout


def test_a_spending_limit_stops_and_keeps_what_was_answered(
    folder, server, tmp_path, capsys
):
    args = arguments(folder, server.url, tmp_path / "o")
    code, _, stderr = run(capsys, *args, "--max-calls", "7")
    assert code == 2
    assert stderr.splitlines()[-1].startswith("error: spending limit reached")
    assert server.calls == 7
    assert not (tmp_path / "o" / "result.json").exists()
    planned = json.loads(run(capsys, *args, "--dry-run", "--json")[1])["calls"]
    code, _, _ = run(capsys, *args, "--max-calls", str(planned))
    assert code == 0
    assert server.calls == 7 + planned


def test_a_server_that_answers_nothing_usable_is_no_result(folder, tmp_path, capsys):
    with FaultServer(fault_rate=1.0, rate_fault="400") as server:
        args = arguments(folder, server.url, tmp_path / "o")
        code, _, stderr = run(capsys, *args)
    assert code == 2
    assert "not one usable answer to 10 questions" in stderr.splitlines()[-1]


def test_an_output_that_is_in_the_way(folder, server, tmp_path, capsys):
    for name in ("trainings.jsonl", "result.json"):
        (tmp_path / name / name).mkdir(parents=True)
        args = arguments(folder, server.url, tmp_path / name, "--epochs", "1")
        code, _, stderr = run(capsys, *args)
        assert code == 2
        assert stderr.splitlines()[-1].startswith("error: cannot ")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--dataset", "corra"], "Did you mean 'cora'"),
        (["--dataset", "/no/such/dir"], "/no/such/dir"),
        (["--selector", "pagerang"], "Did you mean 'pagerank'"),
        (["--backbone", "gcnn"], "Did you mean 'gcn'"),
        (["--prompts", "expnd"], "Did you mean 'expand'"),
        (["--fusion", "sum"], "random_view"),
        (["--split", "halves"], "random-60-20-20"),
        (["--split", "planetoid-public", "--pool", "nobody"], "train+neighbors"),
        (["--budget", "0"], "[1, 60] as a count (got 0)"),
        (["--budget", "1.5"], "(0, 1] as a share (got 1.5)"),
        (["--budget", "61"], "[1, 60] as a count (got 61)"),
        (["--budget", "many"], "not a budget"),
        (["--llm", "no-such-model"], "no model 'no-such-model'"),
        (["--llm", "http://127.0.0.1:9/v1"], "no LLM server at http://127.0.0.1:9"),
        (["--encoder", "nothing"], "nothing"),
        (["--prompts", "relevance_filter"], "adds no words"),
        (["--max-calls", "-1"], "'max_calls' must not be negative (got -1)"),
        (["--max-cost", "1"], "--price"),
        (["--out", "/proc/nowhere"], "another --out"),
        (["--cache", "/proc/nowhere/a.sqlite"], "/proc/nowhere"),
    ],
)
def test_bad_input_is_one_clear_line(change, message, folder, server, tmp_path, capsys):
    args = arguments(folder, server.url, tmp_path / "o")
    code, stdout, stderr = run(capsys, *args, *change)
    errors = [line for line in stderr.splitlines() if line.startswith("error: ")]
    assert code == 2, stderr
    assert len(errors) == 1, stderr
    assert message in errors[0]
    assert "Traceback" not in stderr
    assert stdout == ""


def test_a_wrong_key_stops_at_once(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "wrong")
    with FaultServer(api_key="right") as server:
        args = arguments(folder, server.url, tmp_path / "o", "--concurrency", "1")
        code, _, stderr = run(capsys, *args)
        assert code == 2
        assert "OPENAI_API_KEY" in stderr
        assert "wrong" not in stderr
        assert server.calls <= 2


def test_odd_texts_run_through(folder, server, tmp_path, capsys):
    rows = (folder / "nodes.jsonl").read_text().splitlines()
    for position, text in enumerate(["", "word " * 20_000, "{braces} \u2603 \x00"]):
        row = json.loads(rows[position])
        rows[position] = json.dumps({**row, "text": text})
    (folder / "nodes.jsonl").write_text("\n".join(rows) + "\n")
    args = arguments(folder, server.url, tmp_path / "o", "--budget", "60")
    code, _, stderr = run(capsys, *args)
    assert code == 0, stderr


@pytest.mark.slow
def test_kill_9_in_the_middle_of_the_answers(folder, tmp_path):
    """The rerun asks exactly what is missing and ends with the same numbers."""

    def start(url, cache, out):
        args = arguments(folder, url, out, "--cache", str(cache), "--concurrency", "1")
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            [sys.executable, "-m", "graphllm", *args],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    with FaultServer() as server:
        assert start(server.url, tmp_path / "a.sqlite", tmp_path / "a").wait() == 0
        total = server.calls
    with FaultServer(delay_s=0.2) as server:
        process = start(server.url, tmp_path / "b.sqlite", tmp_path / "b")
        while server.answered < total // 2:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        time.sleep(0.5)
        before = server.calls
        assert start(server.url, tmp_path / "b.sqlite", tmp_path / "b").wait() == 0
        # At most the one request in flight at the kill is asked a second time.
        assert total <= server.calls <= total + 1
        assert server.calls - before < total
    whole, resumed = (
        json.loads((tmp_path / name / "result.json").read_text()) for name in "ab"
    )
    assert resumed["arms"] == whole["arms"]
