import json

import pytest

from graphllm.errors import GraphLLMError
from graphllm.experiments import Ledger


def test_a_finished_run_is_found_again(tmp_path):
    path = tmp_path / "sub" / "runs.jsonl"
    key = Ledger.key(seed=1, lr=0.01)
    Ledger(path).put(key, {"acc": 0.5})
    assert Ledger(path).get(key) == {"acc": 0.5}
    assert Ledger(path).get(Ledger.key(seed=2, lr=0.01)) is None


def test_the_key_depends_on_every_argument_but_not_on_their_order():
    key = Ledger.key(a=1, b="x")
    assert key == Ledger.key(b="x", a=1)
    assert (
        len({key, Ledger.key(a=2, b="x"), Ledger.key(a=1, b="y"), Ledger.key(a=1)}) == 4
    )


def test_a_torn_last_line_costs_only_itself(tmp_path):
    path = tmp_path / "runs.jsonl"
    ledger = Ledger(path)
    ledger.put("one", {"v": 1})
    ledger.put("two", {"v": 2})
    path.write_bytes(path.read_bytes()[:-7])
    again = Ledger(path)
    assert again.get("one") == {"v": 1}
    assert again.get("two") is None
    again.put("three", {"v": 3})
    last = Ledger(path)
    assert (last.get("one"), last.get("three")) == ({"v": 1}, {"v": 3})


def test_foreign_lines_are_ignored(tmp_path):
    path = tmp_path / "runs.jsonl"
    path.write_text(
        '[1]\n"x"\n{"key": "a"}\n' + json.dumps({"key": "b", "value": {}}) + "\n"
    )
    assert Ledger(path).get("b") == {}


def test_a_file_that_is_no_text_is_ignored_and_a_folder_is_refused(tmp_path):
    path = tmp_path / "runs.jsonl"
    path.write_bytes(b"\xff\xfe\n")
    assert Ledger(path).get("a") is None
    with pytest.raises(GraphLLMError, match=r"cannot read.*another --out"):
        Ledger(tmp_path)


def test_a_file_that_cannot_be_written(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(GraphLLMError, match=r"cannot write.*another --out"):
        Ledger(blocked / "runs.jsonl").put("a", {})
