import json
import sqlite3
import time
from datetime import datetime, timedelta

import pytest

from graphllm.cache_dir import cache_dir
from graphllm.errors import CacheError
from graphllm.llm import AnswerStore, Completion, Message, Request, request_key


def ask(text, template="expand@1", **options):
    return Request((Message("user", text),), template=template, **options)


def answer(text, **options):
    return Completion(text, **options)


@pytest.fixture
def store(tmp_path):
    return AnswerStore(tmp_path / "answers.sqlite")


def key(text, model="m", **options):
    return request_key(model, ask(text, **options))


def test_an_answer_comes_back_whole(store):
    given = Completion("größer 🧠\n", None, "length", 7, 3, 0.25)
    store.put("m", ask("a"), given)
    found = store.get([key("a"), key("b"), key("a")])
    assert found == {
        key("a"): Completion("größer 🧠\n", None, "length", 7, 3, 0.25, True)
    }
    assert len(store) == 1


def test_the_default_place_is_the_cache_folder():
    assert AnswerStore().path == cache_dir() / "answers.sqlite"
    assert AnswerStore().path.exists()


def test_many_keys_in_one_call(store):
    for number in range(1203):
        if number % 2:
            store.put("m", ask(str(number)), answer(f"answer {number}"))
    found = store.get([key(str(number)) for number in range(1203)])
    assert {name: found[name].text for name in found} == {
        key(str(number)): f"answer {number}" for number in range(1, 1203, 2)
    }


def test_the_first_answer_stays(store):
    store.put("m", ask("a"), answer("first"))
    store.put("m", ask("a"), answer("second"))
    assert store.get([key("a")])[key("a")].text == "first"


@pytest.mark.parametrize("bad", [Completion.failed("no"), answer(" \n"), answer("")])
def test_a_failure_is_never_an_answer(store, bad):
    with pytest.raises(CacheError, match="failed or empty"):
        store.put("m", ask("a"), bad)
    assert len(store) == 0


def test_failures_count_attempts_until_there_is_an_answer(store):
    store.put_failure("m", ask("a"), "timeout")
    store.put_failure("m", ask("a"), "garbage")
    store.put_failure("m", ask("b"), "timeout")
    assert store.failures() == {key("a"): ("garbage", 2), key("b"): ("timeout", 1)}
    assert store.get([key("a")]) == {}
    store.put("m", ask("a"), answer("at last"))
    assert store.failures() == {key("b"): ("timeout", 1)}


def test_columns_are_the_documented_ones(store):
    before = time.time()
    store.put("m", ask("a", node=4), Completion("x", None, "stop", 1, 2, 3.0))
    with sqlite3.connect(store.path) as connection:
        connection.row_factory = sqlite3.Row
        row = dict(connection.execute("SELECT * FROM answers").fetchone())
    connection.close()
    assert before <= row.pop("created") <= time.time()
    assert len(row.pop("digest")) == 16
    assert json.loads(row.pop("request"))["messages"] == [["user", "a"]]
    assert row == {
        "key": key("a"), "model": "m", "template": "expand@1", "text": "x",
        "finish_reason": "stop", "prompt_tokens": 1, "completion_tokens": 2,
        "seconds": 3.0,
    }  # fmt: skip


def test_statistics(store):
    assert store.stats().answers == 0
    store.put("m", ask("a"), Completion("x", None, "stop", 10, 2, 1.0))
    store.put("m", ask("b", "keywords@1"), Completion("y", None, "stop", 20, 3, 2.0))
    store.put("n", ask("a"), Completion("z", None, "stop", 30, 4, 4.0))
    store.put_failure("n", ask("b"), "no")
    stats = store.stats()
    assert (stats.answers, stats.failures) == (3, 1)
    assert (stats.prompt_tokens, stats.completion_tokens, stats.seconds) == (60, 9, 7.0)
    assert stats.models == {"m": 2, "n": 1}
    assert stats.templates == {"expand@1": 2, "keywords@1": 1}
    assert stats.size >= store.path.stat().st_size > 0


def test_times_of_a_model_and_template(store):
    store.put("m", ask("a"), answer("x", seconds=1.0))
    store.put("m", ask("b", "keywords@1"), answer("x", seconds=2.0))
    store.put("m", ask("c"), answer("x"))  # time unknown
    store.put("n", ask("a"), answer("x", seconds=9.0))
    assert sorted(store.seconds("m")) == [1.0, 2.0]
    assert store.seconds("m", "keywords@1") == [2.0]
    assert store.seconds("m", "explain@1") == []


def test_verify_names_the_damaged_row(store):
    store.put("m", ask("a"), answer("x"))
    store.put("m", ask("b"), answer("y"))
    assert store.verify() == {}
    with sqlite3.connect(store.path) as connection:
        connection.execute("UPDATE answers SET text = 'z' WHERE key = ?", (key("b"),))
    connection.close()
    assert store.verify() == {key("b"): "the answer was changed"}


def test_export_and_load(store, tmp_path):
    for text in "abc":
        store.put("m", ask(text), answer(f"answer {text}", seconds=0.5))
    store.put("n", ask("a", "keywords@1"), answer("other"))
    store.put_failure("m", ask("d"), "no")
    path = tmp_path / "out" / "answers.jsonl"
    assert store.export(path) == 4
    other = AnswerStore(tmp_path / "other.sqlite")
    other.put("m", ask("b"), answer("was here before"))
    assert other.load(path) == 3
    assert other.load(path) == 0
    assert len(other) == 4
    assert other.get([key("b")])[key("b")].text == "was here before"
    assert other.get([key("c")]) == store.get([key("c")])
    assert other.verify() == {}
    again = tmp_path / "again.jsonl"
    store.export(again)
    assert again.read_bytes() == path.read_bytes()


def test_export_of_a_part(store, tmp_path):
    store.put("m", ask("a"), answer("x"))
    store.put("m", ask("a", "expand@2"), answer("x"))
    store.put("m", ask("a", "expandable@1"), answer("x"))
    store.put("n", ask("a"), answer("x"))
    path = tmp_path / "part.jsonl"
    assert store.export(path, model="m") == 3
    assert store.export(path, template="expand@1") == 2
    assert store.export(path, template="expand") == 3
    assert store.export(path, model="n", template="expand@2") == 0
    assert path.read_text() == ""


def test_a_bad_line_loads_nothing(store, tmp_path):
    path = tmp_path / "answers.jsonl"
    store.put("m", ask("a"), answer("x"))
    store.export(path)
    path.write_text(path.read_text() + "\n{'not': 'json'}\n")
    other = AnswerStore(tmp_path / "other.sqlite")
    with pytest.raises(CacheError, match="line 3 of"):
        other.load(path)
    assert len(other) == 0


def test_an_export_that_cannot_be_written(store, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match="cannot write"):
        store.export(tmp_path / "file" / "answers.jsonl")


def test_prune(store):
    for model, template in [("m", "expand@1"), ("m", "expand@2"), ("n", "expand@1")]:
        store.put(model, ask("a", template), answer("x"))
        store.put_failure(model, ask("b", template), "no")
    assert store.prune(template="expand@1", model="m") == 1
    assert (len(store), len(store.failures())) == (2, 2)
    assert store.prune(before=datetime.now() - timedelta(hours=1)) == 0
    assert store.prune(before=time.time() + 1, template="expand") == 2
    assert (len(store), len(store.failures())) == (0, 0)
    with pytest.raises(CacheError, match="say what to prune"):
        store.prune()


def test_require_writable(store):
    store.require_writable()
    other = AnswerStore(store.path, read_only=True)
    with pytest.raises(CacheError, match="read-only"):
        other.require_writable()
