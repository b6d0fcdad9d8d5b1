import pytest

from graphllm.llm import (
    Backend,
    CachedLLM,
    Completion,
    Estimate,
    Message,
    OpenAILLM,
    Price,
    ReplayLLM,
    Request,
    estimate,
)
from graphllm.testing import ScriptedLLM


def ask(text, template="expand@1", **options):
    return Request((Message("user", text),), template=template, **options)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "answers.sqlite"


def test_by_hand(path):
    cached = CachedLLM(ScriptedLLM(["x"]), path)
    cached.complete([ask("known")])
    requests = [
        ask("known"),
        ask("one two", max_new_tokens=10),
        ask("one two", max_new_tokens=10, node=4),
        Request((Message("system", "be"), Message("user", "a b c")), max_new_tokens=5),
    ]
    price = Price(prompt=1e6, completion=2e6)
    found = estimate(cached, requests, price=price)
    # Words, and 8 tokens of markers a message: 2 + 8, 1 + 8 + 3 + 8.
    assert found == Estimate(
        calls=2,
        cached=1,
        duplicate=1,
        prompt_tokens=30,
        max_completion_tokens=15,
        cost=30 + 2 * 15,
        seconds=None,
    )
    assert found.tokens == 45
    assert len(cached.llm.calls) == 1


def test_without_a_cache_repeats_are_paid():
    found = estimate(ScriptedLLM([]), [ask("a"), ask("a")])
    assert (found.calls, found.cached, found.duplicate) == (2, 0, 0)


def test_the_estimate_is_what_then_happens(path):
    llm = ScriptedLLM(lambda request: "x")
    cached = CachedLLM(llm, path)
    requests = [ask(text) for text in "abacab"]
    before = estimate(cached, requests)
    cached.complete(requests)
    assert before.calls == len(llm.calls) == 3
    after = estimate(cached, requests)
    assert (after.calls, after.cached, after.tokens, after.seconds) == (0, 6, 0, 0.0)


def test_samples_without_a_seed_are_each_paid(path):
    requests = [ask("a", temperature=1.0)] * 3
    found = estimate(CachedLLM(ScriptedLLM([]), path), requests)
    assert (found.calls, found.duplicate) == (3, 0)


def test_time_from_the_history_of_the_template(path):
    cached = CachedLLM(ScriptedLLM([]), path)
    for number, seconds in enumerate([1.0, 2.0, 30.0]):
        request = ask(f"old {number}")
        cached.store.put("scripted", request, Completion("x", seconds=seconds))
    request = ask("old", "keywords@1")
    cached.store.put("scripted", request, Completion("x", seconds=0.5))
    expand = [ask(f"new {number}") for number in range(4)]
    assert estimate(cached, expand).seconds == 4 * 2.0
    keywords = [ask("new", "keywords@1")]
    assert estimate(cached, expand + keywords).seconds == 4 * 2.0 + 0.5
    # A template never seen: the median of all of the model, (1 + 2) / 2.
    assert estimate(cached, [ask("new", "explain@1")]).seconds == 1.5
    cached.llm.concurrency = 3
    assert estimate(cached, expand).seconds == pytest.approx(8.0 / 3)
    assert estimate(cached, expand[:1]).seconds == 2.0


def test_time_from_a_measurement():
    class Measured(Backend):
        model = "measured"

        def measure_speed(self):
            return 20.0

    assert estimate(Measured(), [ask("a", max_new_tokens=50)] * 4).seconds == 10.0


def test_the_price_of_the_model_counts(path):
    llm = OpenAILLM("http://127.0.0.1:1/v1", "m", price=Price(1e6, 0.0))
    request = ask("12345678", max_new_tokens=5)
    assert estimate(CachedLLM(llm, path), [request]).cost == 2 + 8
    free = OpenAILLM("http://127.0.0.1:1/v1", "m")
    assert estimate(free, [request]).cost is None


def test_replayed_answers_are_free(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text('{"id": 0, "text": "x"}')
    found = estimate(ReplayLLM(file), [ask("a", node=0)] * 3)
    assert (found.calls, found.cached, found.tokens) == (0, 3, 0)


def test_no_requests():
    assert str(estimate(ScriptedLLM([]), [])) == "0 calls, <= 0 tokens, about 0 s"


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (
            Estimate(135, 12, 0, 40_000, 20_000, None, 180.0),
            "135 calls (12 cached), <= 0.06 M tokens, about 3 min",
        ),
        (
            Estimate(1, 2, 3, 100, 20, 0.5, 20.0),
            "1 call (2 cached, 3 repeated), <= 120 tokens, <= 0.50 in money, about 20 s",
        ),
        (
            Estimate(2, 0, 1, 5000, 4999, 0.0, 9000.0),
            "2 calls (1 repeated), <= 9,999 tokens, <= 0.00 in money, about 2.5 h",
        ),
        (Estimate(7, 0, 0, 12, 0), "7 calls, <= 12 tokens"),
    ],
)
def test_one_readable_line(found, line):
    assert str(found) == line
