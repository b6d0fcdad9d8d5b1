import sqlite3
import threading
import time
from dataclasses import replace

import pytest

from graphllm.errors import CacheError, LLMAccessError, LLMError
from graphllm.llm import (
    AnswerStore,
    Backend,
    CachedLLM,
    CacheOnly,
    Completion,
    Message,
    Request,
    Usage,
    request_key,
)
from graphllm.testing import ScriptedLLM, assert_llm


def ask(text, **options):
    return Request((Message("user", text),), **options)


def shout(request):
    return request.messages[-1].content.upper()


def texts(answers):
    return [answer.text for answer in answers]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "answers.sqlite"


def test_it_keeps_the_contract(path):
    bad = ask("bad")
    fail = {bad: "no such luck"}.get
    assert_llm(CachedLLM(ScriptedLLM(shout, fail=fail), path), bad=bad)


def test_the_second_time_nothing_is_asked(path):
    requests = [ask(text, node=node) for node, text in enumerate("abcd")]
    llm = ScriptedLLM(shout)
    first = CachedLLM(llm, path).complete(requests)
    again = CachedLLM(llm, path).complete(requests[::-1])
    assert texts(first) == list("ABCD")
    assert texts(again) == list("DCBA")
    assert len(llm.calls) == 4
    assert [answer.cached for answer in first + again] == 4 * [False] + 4 * [True]
    assert again[0] == replace(first[3], cached=True)


# Guard 1.
def test_another_model_is_asked_again(path):
    CachedLLM(ScriptedLLM(["one"]), path).complete([ask("a")])
    other = ScriptedLLM(["two"], model="other")
    assert texts(CachedLLM(other, path).complete([ask("a")])) == ["two"]


@pytest.mark.parametrize(
    "change",
    [{"temperature": 0.5, "seed": 1}, {"template": "expand@2"}, {"max_new_tokens": 9}],
)
def test_another_question_is_asked(path, change):
    llm = ScriptedLLM(shout)
    cached = CachedLLM(llm, path)
    cached.complete([ask("a")])
    cached.complete([replace(ask("a"), **change)])
    assert len(llm.calls) == 2


# Guard 1: the order of the nodes is not part of the question.
def test_node_order_does_not_matter(path):
    llm = ScriptedLLM(shout)
    cached = CachedLLM(llm, path)
    cached.complete([ask("a", node=0), ask("b", node=1)])
    assert texts(cached.complete([ask("b", node=5), ask("a", node=6)])) == ["B", "A"]
    assert len(llm.calls) == 2


def test_repeated_questions_are_asked_once(path):
    llm = ScriptedLLM(shout, fail=lambda r: "no" if shout(r) == "X" else None)
    cached = CachedLLM(llm, path)
    answers = cached.complete([ask(t, node=n) for n, t in enumerate("abaxax")])
    assert texts(answers) == ["A", "B", "A", "", "A", ""]
    assert [answer.cached for answer in answers] == [
        False, False, True, False, True, False,
    ]  # fmt: skip
    assert len(llm.calls) == 3
    usage = cached.usage
    assert (usage.calls, usage.cache_hits, usage.failures) == (3, 2, 2)


def test_failures_are_noted_and_asked_again(path):
    llm = ScriptedLLM(shout, fail=lambda _: "busy")
    cached = CachedLLM(llm, path)
    for _ in range(2):
        assert [a.error for a in cached.complete([ask("a"), ask("a")])] == 2 * ["busy"]
    key = request_key("scripted", ask("a"))
    assert cached.store.failures() == {key: ("busy", 2)}
    assert len(cached.store) == 0
    mended = CachedLLM(ScriptedLLM(shout), path)
    assert texts(mended.complete([ask("a")])) == ["A"]
    assert mended.store.failures() == {}


def test_an_empty_answer_is_a_failure(path):
    cached = CachedLLM(ScriptedLLM([" \n", "now"]), path)
    (answer,) = cached.complete([ask("a")])
    assert (answer.ok, answer.text, answer.error) == (False, "", "empty answer")
    assert cached.usage.failures == 1
    assert texts(cached.complete([ask("a")])) == ["now"]


def test_what_was_never_asked_is_no_failure_of_the_model(path):
    class Poor(Backend):
        model = "poor"

        def stream(self, requests):
            for position in range(len(requests)):
                yield position, Completion.refused("spending limit")

    cached = CachedLLM(Poor(), path)
    assert not cached.complete([ask("a")])[0].ok
    assert cached.store.failures() == {}


def test_samples_without_a_seed_are_independent(path):
    cached = CachedLLM(ScriptedLLM(["one", "two", "three"]), path)
    request = ask("a", temperature=1.0)
    with pytest.warns(UserWarning, match="2 sampled requests have no seed") as caught:
        assert texts(cached.complete([request, request])) == ["one", "two"]
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match="1 sampled"):
        assert texts(cached.complete([request])) == ["three"]
    assert len(cached.store) == 0


def test_samples_with_a_seed_are_stored(path):
    llm = ScriptedLLM(["one", "two"])
    cached = CachedLLM(llm, path)
    requests = [ask("a", temperature=1.0, seed=seed) for seed in (0, 1)]
    assert texts(cached.complete(requests)) == texts(cached.complete(requests))
    assert len(llm.calls) == 2


def test_each_answer_is_committed_before_the_next_is_asked(path):
    seen = []

    def count(request):
        with sqlite3.connect(path) as other:
            seen.append(other.execute("SELECT count(*) FROM answers").fetchone()[0])
        other.close()
        return shout(request)

    CachedLLM(ScriptedLLM(count), path).complete([ask(text) for text in "abcd"])
    assert seen == [0, 1, 2, 3]


def test_a_model_that_stops_for_good_keeps_its_answers(path):
    class Revoked(Backend):
        model = "scripted"

        def stream(self, requests):
            yield 0, Completion("A")
            raise LLMAccessError("the key was withdrawn")

    with pytest.raises(LLMAccessError):
        CachedLLM(Revoked(), path).complete([ask("a"), ask("b")])
    llm = ScriptedLLM(shout)
    assert texts(CachedLLM(llm, path).complete([ask("a"), ask("b")])) == ["A", "B"]
    assert len(llm.calls) == 1


def test_an_object_with_complete_alone_is_asked_in_small_chunks(path):
    class Plain:
        model = "plain"
        sizes: list[int] = []  # noqa: RUF012

        def complete(self, requests):
            self.sizes.append(len(requests))
            return [Completion(shout(request)) for request in requests]

    cached = CachedLLM(Plain(), path)
    words = [f"word {number}" for number in range(40)]
    assert texts(cached.complete([ask(word) for word in words])) == [
        word.upper() for word in words
    ]
    assert Plain.sizes == [16, 16, 8]
    assert cached.usage == Usage(wall_s=cached.usage.wall_s)
    assert cached.count_tokens("abcde") == 2


def test_a_model_that_loses_answers_is_found_out(path):
    class Lossy:
        model = "lossy"

        def complete(self, requests):
            return []

    with pytest.raises(LLMError, match="gave 0 answers to 1 requests"):
        CachedLLM(Lossy(), path).complete([ask("a")])


def test_a_model_without_a_name_cannot_be_cached(path):
    class Nameless:
        def complete(self, requests):
            return []

    with pytest.raises(LLMError, match="Nameless has no attribute 'model'"):
        CachedLLM(Nameless(), path)


def test_the_default_store_is_in_the_cache_folder(tmp_path):
    CachedLLM(ScriptedLLM(shout)).complete([ask("a")])
    assert (tmp_path / "cache" / "answers.sqlite").exists()


def test_tokens_are_counted_by_the_model(path):
    assert CachedLLM(ScriptedLLM(shout), path).count_tokens("two words") == 2


def test_cached_answers_come_by_the_thousand(path):
    store = AnswerStore(path)
    requests = [ask(f"question number {number}") for number in range(2000)]
    with store._database.writing() as connection:  # one commit: only a set-up
        from graphllm.llm.row import make_row

        connection.executemany(
            f"INSERT INTO answers VALUES ({','.join(11 * '?')})",
            [make_row("scripted", r, Completion("x y z"), 0.0) for r in requests],
        )
    llm = ScriptedLLM([])
    start = time.perf_counter()
    answers = CachedLLM(llm, store).complete(requests)
    assert 2000 / (time.perf_counter() - start) > 1000
    assert all(answer.cached for answer in answers)


def test_cache_only_reproduces_without_a_model(path):
    CachedLLM(ScriptedLLM(shout), path).complete([ask("a"), ask("b")])
    store = AnswerStore(path, read_only=True)
    cached = CachedLLM(CacheOnly("scripted"), store)
    requests = [ask("a"), ask("c", template="expand@1", node=3), ask("b")]
    answers = cached.complete(requests)
    assert texts(answers) == ["A", "", "B"]
    assert "no stored answer of 'scripted' for template 'expand@1', node 3" in str(
        answers[1].error
    )
    assert cached.store.failures() == {}
    usage = cached.usage
    assert (usage.calls, usage.cache_hits, usage.failures) == (0, 2, 1)


def test_a_full_disk_stops_the_asking_and_loses_nothing(path):
    llm = ScriptedLLM(lambda request: shout(request) * 2000)
    cached = CachedLLM(llm, path)
    requests = [ask(f"word {number}") for number in range(20)]
    with cached.store._database.reading() as connection:
        connection.execute("PRAGMA max_page_count=30")
    with pytest.raises(CacheError, match="the disk is full"):
        cached.complete(requests)
    asked = len(llm.calls)
    assert 1 < asked < 20
    assert len(cached.store) == asked - 1
    assert len(cached.unsaved) == 1
    with pytest.raises(CacheError, match="the disk is full"):
        cached.complete(requests)
    assert len(llm.calls) == asked
    with cached.store._database.reading() as connection:
        connection.execute("PRAGMA max_page_count=100000")
    answers = cached.complete(requests)
    assert texts(answers) == [shout(request) * 2000 for request in requests]
    assert len(llm.calls) == 20
    assert cached.unsaved == {}


def test_a_locked_store_is_noticed_before_anything_is_asked(path):
    llm = ScriptedLLM(shout)
    cached = CachedLLM(llm, AnswerStore(path, timeout_s=0.05))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(CacheError, match="locked by another process"):
        cached.complete([ask("a")])
    other.close()
    assert llm.calls == []


def test_many_threads(path):
    llm = ScriptedLLM(shout)
    cached = CachedLLM(llm, path)
    requests = [ask(f"word {number}") for number in range(30)]
    results = []

    def work(offset):
        turned = requests[offset:] + requests[:offset]
        results.append(texts(cached.complete(turned)) == [shout(r) for r in turned])

    threads = [threading.Thread(target=work, args=(5 * n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == 6 * [True]
    assert len(cached.store) == 30
    usage = cached.usage
    assert usage.calls + usage.cache_hits == 180
