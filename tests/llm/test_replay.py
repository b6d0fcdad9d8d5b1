import json

import pytest

from graphllm.errors import LLMError
from graphllm.llm import CachedLLM, Message, ReplayLLM, Request
from graphllm.testing import ScriptedLLM


def ask(text, **options):
    return Request((Message("user", text),), **options)


@pytest.fixture
def file(tmp_path):
    def write(*rows):
        path = tmp_path / "answers.jsonl"
        lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


def test_answers_by_node(file):
    path = file(
        {"id": 0, "labels": ["Neural_Networks", "Théorie"]},
        {"id": 2, "text": "a star\u2028shines"},
        {"id": 7, "answer": "an oven"},
        {"id": 8, "labels": []},
        {"id": 9, "text": " "},
        "",
    )
    llm = ReplayLLM(path)
    assert len(llm) == 3
    nodes = [7, 0, 2, 1, 8, 9, None]
    answers = llm.complete([ask("any", node=node) for node in nodes])
    assert [answer.text for answer in answers[:3]] == [
        "an oven",
        '["Neural_Networks", "Théorie"]',
        "a star\u2028shines",
    ]
    assert all(answer.cached and answer.ok for answer in answers[:3])
    for node, answer in zip(nodes[3:], answers[3:], strict=True):
        assert (answer.ok, answer.finish_reason) == (False, "refused")
        assert answer.error == f"'answers.jsonl' holds no answer for node {node}"
    usage = llm.usage
    assert (usage.calls, usage.cache_hits, usage.failures) == (0, 3, 4)


def test_answers_by_question(file, tmp_path):
    requests = [ask(text, template="expand@1", node=n) for n, text in enumerate("ab")]
    source = CachedLLM(ScriptedLLM(["A", "B"]), tmp_path / "answers.sqlite")
    source.complete(requests)
    path = tmp_path / "export.jsonl"
    source.store.export(path)
    llm = ReplayLLM(path)
    known, moved, unknown = llm.complete(
        [requests[1], ask("a", template="expand@1", node=5), ask("a")]
    )
    assert (known.text, moved.text) == ("B", "A")
    assert unknown.error == "'export.jsonl' holds no answer for this question"


def test_two_models_in_one_file_are_not_mixed(tmp_path):
    path = tmp_path / "answers.sqlite"
    for name, answer in (("m", "yes"), ("n", "no")):
        cached = CachedLLM(ScriptedLLM([answer], model=name), path)
        cached.complete([ask("a")])
    cached.store.export(tmp_path / "export.jsonl")
    with pytest.raises(LLMError, match=r"line 2 of .* keep one model"):
        ReplayLLM(tmp_path / "export.jsonl")


def test_a_changed_file_is_another_model(file):
    first = ReplayLLM(file({"id": 0, "text": "a"})).model
    assert first.startswith("replay:answers.jsonl:")
    assert ReplayLLM(file({"id": 0, "text": "b"})).model != first
    assert ReplayLLM(file({"id": 0, "text": "a"})).model == first


def test_a_cache_does_not_mix_nodes_of_equal_text(file, tmp_path):
    llm = ReplayLLM(file({"id": 0, "text": "zero"}, {"id": 1, "text": "one"}))
    cached = CachedLLM(llm, tmp_path / "answers.sqlite")
    answers = cached.complete([ask("same", node=node) for node in (1, 0, 1)])
    assert [answer.text for answer in answers] == ["one", "zero", "one"]
    assert len(cached.store) == 0


@pytest.mark.parametrize(
    ("row", "finding"),
    [
        ("{", "neither an answer"),
        ("3", "neither an answer"),
        ({"id": "x", "text": "a"}, "must be a node number, got 'x'"),
        ({"id": True, "text": "a"}, "must be a node number"),
        ({"text": "a"}, "KeyError.*id"),
        ({"id": 3}, "KeyError.*answer"),
        ({"id": 3, "text": None}, "must be text"),
        ({"id": 3, "labels": "a"}, "must be a list"),
        ({"id": 1, "text": "other"}, "another answer"),
        ({"request": {}, "text": "a"}, "not a stored request"),
    ],
)
def test_a_bad_line_is_named(file, row, finding):
    path = file({"id": 1, "text": "a"}, {"id": 1, "text": "a"}, row)
    with pytest.raises(LLMError, match=finding) as caught:
        ReplayLLM(path)
    assert f"line 3 of '{path}'" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_hold_nothing_usable(file, tmp_path):
    with pytest.raises(LLMError, match="cannot read the answers"):
        ReplayLLM(tmp_path / "absent.jsonl")
    with pytest.raises(LLMError, match="holds no answers"):
        ReplayLLM(file(""))
    (tmp_path / "latin.jsonl").write_bytes("é".encode("latin-1"))
    with pytest.raises(LLMError, match="not UTF-8"):
        ReplayLLM(tmp_path / "latin.jsonl")


@pytest.mark.data
def test_the_published_rankings_of_cora(data_root):
    llm = ReplayLLM(data_root / "cora" / "gpt35_ranked_labels.jsonl")
    assert len(llm) == 2708
    answers = llm.complete([ask("rank", node=node) for node in range(2708)])
    assert all(answer.ok for answer in answers)
    ranked = [json.loads(answer.text) for answer in answers]
    assert ranked[1] == ["Probabilistic_Methods", "Neural_Networks"]
    assert len({label for labels in ranked for label in labels}) == 7
