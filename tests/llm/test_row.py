import json
from dataclasses import replace

import pytest

from graphllm.errors import CacheError
from graphllm.llm import Completion, Message, Request, request_key
from graphllm.llm.row import clean, damage, json_line, make_row, read_export

REQUEST = Request((Message("user", "größer?"),), template="expand@1", seed=3)
ANSWER = Completion("ja 🧠", None, "length", 4, 2, 0.5)


@pytest.fixture
def row():
    return make_row("m", REQUEST, ANSWER, 12.5)


def test_a_line_reads_back_as_the_same_row(row, tmp_path):
    path = tmp_path / "answers.jsonl"
    path.write_text(json_line(row) + "\n", encoding="utf-8")
    assert list(read_export(path)) == [row]
    fields = json.loads(json_line(row))
    assert fields["key"] == request_key("m", REQUEST)
    assert fields["text"] == "ja 🧠"
    assert fields["request"]["messages"] == [["user", "größer?"]]


def test_a_good_row_has_no_damage(row):
    assert damage(row) == ""


@pytest.mark.parametrize(
    ("column", "value", "finding"),
    [
        (0, "v1:0", "key does not belong"),
        (2, "other", "key does not belong"),
        (3, "expand@2", "key does not belong"),
        (4, "{}", "not a stored request"),
        (4, "{", "Expecting"),
        (5, " ", "empty"),
        (5, "nein", "changed"),
        (10, "0", "changed"),
    ],
)
def test_damage_is_found(row, column, value, finding):
    assert finding in damage((*row[:column], value, *row[column + 1 :]))


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"text": ""}, "empty answer"),
        ({"text": "nein"}, "does not belong"),
        ({"model": "n"}, "does not belong"),
        ({"prompt_tokens": "many"}, "not an exported answer"),
        ({"request": {}}, "not an exported answer"),
    ],
)
def test_a_bad_line_is_named(row, tmp_path, change, finding):
    path = tmp_path / "answers.jsonl"
    bad = json.dumps({**json.loads(json_line(row)), **change})
    path.write_text(json_line(row) + bad + "\n", encoding="utf-8")
    with pytest.raises(CacheError, match=finding) as caught:
        list(read_export(path))
    assert f"line 2 of '{path}'" in str(caught.value)


def test_the_digest_is_optional_in_an_export(row, tmp_path):
    fields = json.loads(json_line(row))
    del fields["digest"]
    path = tmp_path / "answers.jsonl"
    path.write_text(json.dumps(fields), encoding="utf-8")
    assert list(read_export(path)) == [row]


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(CacheError, match="cannot read"):
        list(read_export(tmp_path / "absent.jsonl"))
    (tmp_path / "latin.jsonl").write_bytes("größer".encode("latin-1"))
    with pytest.raises(CacheError, match="not UTF-8"):
        list(read_export(tmp_path / "latin.jsonl"))


def test_half_a_surrogate_pair_is_replaced():
    assert clean("cut \ud83d") == "cut ?"
    assert make_row("m", REQUEST, replace(ANSWER, text="x\ud83d"), 0.0)[5] == "x?"
