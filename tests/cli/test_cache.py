import json
from datetime import datetime

import pytest
import typer
from typer.testing import CliRunner

from graphllm.cli.cache import app as cache_app
from graphllm.errors import CacheError
from graphllm.llm.base import Completion, Message, Request
from graphllm.llm.store import AnswerStore


@pytest.fixture
def run():
    app = typer.Typer(rich_markup_mode=None)
    app.add_typer(cache_app, name="cache")
    return lambda *arguments: CliRunner().invoke(
        app, ["cache", *map(str, arguments)], catch_exceptions=False
    )


@pytest.fixture
def file(tmp_path):
    """Three answers of model m with two prompts, one of model n."""
    path = tmp_path / "answers.sqlite"
    store = AnswerStore(path)
    for model, template, text in (
        ("m", "expand@1", "one"),
        ("m", "expand@2", "two"),
        ("m", "keywords@1", "three"),
        ("n", "expand@1", "four"),
    ):
        request = Request((Message("user", text),), template=template)
        answer = Completion(text, prompt_tokens=10, completion_tokens=2, seconds=0.5)
        store.put(model, request, answer)
    store.close()
    return path


def told(done):
    assert done.exit_code == 0
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_stats(run, file):
    counts = told(run("stats", "--cache", file, "--json"))
    assert counts["answers"] == 4
    assert counts["prompt_tokens"] == 40
    assert counts["models"] == {"m": 3, "n": 1}
    text = run("stats", "--cache", file).stdout
    assert "4 answers" in text
    assert "keywords@1" in text


def test_stats_of_no_cache_yet(run, tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPHLLM_CACHE", str(tmp_path / "empty"))
    assert "no answers yet at" in run("stats").stdout
    assert told(run("stats", "--json"))["answers"] == 0
    assert not (tmp_path / "empty").exists()


def test_the_usual_file_is_taken(run, file, monkeypatch):
    monkeypatch.setenv("GRAPHLLM_CACHE", str(file.parent))
    assert told(run("stats", "--json"))["answers"] == 4


@pytest.mark.parametrize(
    "verb", [["verify"], ["export", "x"], ["prune", "--model", "m"]]
)
def test_verbs_that_need_a_cache_say_so(run, tmp_path, verb):
    with pytest.raises(CacheError, match=r"no answer cache at .*--cache"):
        run(*verb, "--cache", tmp_path / "gone.sqlite")


def test_verify(run, file):
    assert told(run("verify", "--cache", file, "--json")) == {
        "answers": 4,
        "damaged": {},
    }
    assert "4 answers checked" in run("verify", "--cache", file).stdout


def test_verify_reports_damage(run, file):
    import sqlite3

    connection = sqlite3.connect(file)
    connection.execute("UPDATE answers SET text = 'changed' WHERE text = 'two'")
    connection.commit()
    connection.close()
    with pytest.raises(CacheError, match="1 of 4 answers are damaged"):
        run("verify", "--cache", file)


def test_export_and_import(run, file, tmp_path):
    lines, other = tmp_path / "answers.jsonl", tmp_path / "other.sqlite"
    arguments = ["--template", "expand", "--model", "m", "--cache", file]
    assert told(run("export", lines, *arguments, "--json"))["written"] == 2
    texts = [json.loads(line)["text"] for line in lines.read_text().splitlines()]
    assert sorted(texts) == ["one", "two"]
    assert told(run("import", lines, "--cache", other, "--json"))["new"] == 2
    assert "0 new answers" in run("import", lines, "--cache", other).stdout
    assert told(run("stats", "--cache", other, "--json"))["answers"] == 2


def test_import_of_something_else(run, tmp_path):
    (tmp_path / "bad.jsonl").write_text("{}\n")
    with pytest.raises(CacheError, match="line 1 of"):
        run("import", tmp_path / "bad.jsonl", "--cache", tmp_path / "new.sqlite")


def test_prune_by_prompt_and_by_time(run, file):
    past = datetime(2000, 1, 1).isoformat()
    future = datetime(2100, 1, 1).isoformat()

    def prune(*arguments):
        return told(run("prune", *arguments, "--cache", file, "--json"))["deleted"]

    assert prune("--before", past) == 0
    assert prune("--template", "expand@1", "--model", "m") == 1
    assert prune("--before", future, "--model", "m") == 2
    assert told(run("stats", "--cache", file, "--json"))["models"] == {"n": 1}


def test_prune_needs_a_condition(run, file):
    with pytest.raises(CacheError, match="say what to prune"):
        run("prune", "--cache", file)
    assert told(run("stats", "--cache", file, "--json"))["answers"] == 4
