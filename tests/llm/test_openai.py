import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from graphllm.errors import (
    LLMAccessError,
    LLMConnectionError,
    LLMError,
    MissingExtraError,
)
from graphllm.llm import (
    AnswerStore,
    Budget,
    CachedLLM,
    CacheOnly,
    Message,
    OpenAILLM,
    Price,
    ReplayLLM,
    Request,
)
from graphllm.model_packages import packaged_path
from graphllm.testing import FaultServer, assert_llm


def ask(text, **options):
    return Request((Message("user", text),), **options)


def client(server, **options):
    options = {"concurrency": 1, "backoff_s": 0.001, **options}
    return OpenAILLM(server.url, "some-model", **options)


def texts(answers):
    return [answer.text for answer in answers]


WORDS = [f"word {number}" for number in range(10)]
ECHOES = [f"echo: {word}" for word in WORDS]


def test_it_keeps_the_contract():
    with FaultServer() as server:
        assert_llm(client(server, concurrency=3), bad=None)


def test_a_bad_request_stays_alone():
    with FaultServer([None, "400", None]) as server:
        good, bad, also = client(server).complete([ask("a"), ask("b"), ask("c")])
    assert texts([good, bad, also]) == ["echo: a", "", "echo: c"]
    assert "the server said 400: " in bad.error


@pytest.mark.parametrize(
    "fault", ["429", "408", "409", "500", "garbage", "truncated", "empty", "reset"]
)
def test_one_fault_is_overcome(fault):
    with FaultServer([None, fault]) as server:
        llm = client(server)
        assert texts(llm.complete([ask(word) for word in WORDS])) == ECHOES
        assert server.calls == llm.usage.calls == 11
    assert llm.usage.failures == 0


def test_silence_is_overcome():
    with FaultServer(["hang"]) as server:
        llm = client(server, timeout_s=0.2)
        assert texts(llm.complete([ask("a")])) == ["echo: a"]


def test_a_slow_answer_is_an_answer():
    with FaultServer(["slow"], slow_s=0.1) as server:
        (answer,) = client(server, timeout_s=5).complete([ask("a")])
    assert answer.text == "echo: a"
    assert answer.seconds >= 0.1


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("500", "500"),
        ("garbage", "not JSON"),
        ("truncated", "broke"),
        ("empty", "empty"),
    ],
)
def test_a_fault_that_stays_is_one_failed_answer(fault, reason):
    faults = [None, *4 * [fault], None]
    with FaultServer(faults) as server:
        llm = client(server, max_retries=3)
        first, failed, last = llm.complete([ask("a"), ask("b"), ask("c")])
        assert server.calls == 6
    assert texts([first, failed, last]) == ["echo: a", "", "echo: c"]
    assert failed.error.startswith("no answer after 4 attempts: ")
    assert reason in failed.error
    assert (llm.usage.calls, llm.usage.failures) == (6, 1)


def test_many_random_faults_change_no_answer():
    with FaultServer(fault_rate=0.3, rate_fault="503", seed=1) as server:
        llm = client(server, concurrency=4, max_retries=12)
        assert texts(llm.complete([ask(word) for word in WORDS])) == ECHOES
        assert server.calls == llm.usage.calls > 10


def test_retry_after_in_seconds_is_honoured():
    with FaultServer(["429"], retry_after="0.4") as server:
        client(server).complete([ask("a")])
        assert server.times[1] - server.times[0] >= 0.4


def test_retry_after_as_a_date_is_honoured():
    # Dates have whole seconds: two ahead means at least one.
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    with FaultServer(["429"], retry_after=date) as server:
        client(server).complete([ask("a")])
        assert 0.5 <= server.times[1] - server.times[0] <= 4


@pytest.mark.parametrize("fault", ["401", "403", "404"])
def test_no_access_stops_everything_but_keeps_answers(fault, tmp_path):
    with FaultServer([None, None, fault]) as server:
        llm = CachedLLM(client(server), tmp_path / "answers.sqlite")
        with pytest.raises(LLMAccessError, match=fault):
            llm.complete([ask(word) for word in WORDS])
        assert server.calls == 3
        assert len(llm.store) == 2


def test_nobody_there_is_said_at_once():
    with FaultServer() as server:
        pass
    llm = OpenAILLM(server.url, "some-model")
    start = time.perf_counter()
    with pytest.raises(LLMConnectionError, match="no LLM server at") as caught:
        llm.complete([ask(word) for word in WORDS])
    assert time.perf_counter() - start < 5
    assert "\n" not in str(caught.value)


def test_a_server_that_goes_away_is_waited_for_then_given_up(tmp_path):
    with FaultServer() as server:
        llm = client(server, max_retries=2)
        llm.complete([ask("a")])
    with pytest.raises(LLMConnectionError):
        llm.complete([ask("b")])
    assert llm.usage.calls == 4


def test_no_more_than_allowed_at_a_time():
    with FaultServer(delay_s=0.03) as server:
        client(server, concurrency=3).complete([ask(word) for word in WORDS])
        assert server.most_at_once == 3


def test_answers_come_as_they_are_ready():
    with FaultServer(["slow", None, None], slow_s=0.5) as server:
        stream = client(server, concurrency=2).stream([ask(t) for t in "abc"])
        first = dict([next(stream), next(stream)])
        rest = dict(stream)
    assert len(first) == 2
    assert len(rest) == 1
    assert (
        max(c.seconds for c in first.values())
        < 0.5
        <= max(c.seconds for c in rest.values())
    )


def test_closing_the_stream_stops_waiting_requests():
    with FaultServer([None, *9 * ["503"]]) as server:
        stream = client(server, concurrency=2, backoff_s=30.0).stream(
            [ask(word) for word in WORDS]
        )
        next(stream)
        stream.close()
        time.sleep(0.2)
        assert server.calls <= 3
    names = [thread.name for thread in threading.enumerate()]
    assert "graphllm-llm" not in names


# Guard 4: retries count too.
@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("max_calls", [0, 1, 7])
def test_calls_are_limited_with_retries(concurrency, max_calls):
    with FaultServer(fault_rate=0.4, seed=2) as server:
        budget = Budget(max_calls=max_calls)
        llm = client(server, concurrency=concurrency, max_retries=20, budget=budget)
        answers = llm.complete([ask(word) for word in WORDS])
        assert server.calls == llm.usage.calls == max_calls
    for answer, echo in zip(answers, ECHOES, strict=True):
        if answer.ok:
            assert answer.text == echo
        else:
            assert answer.finish_reason == "refused"
            assert f"max_calls={max_calls}" in answer.error
    good = sum(answer.ok for answer in answers)
    assert good == server.answered < 10
    assert llm.usage.failures == 10 - good


# Guard 4.
@pytest.mark.parametrize("fault", [None, "garbage", "empty", "429"])
def test_tokens_are_limited_even_in_the_worst_case(fault):
    limit = 150
    with FaultServer([fault, None, fault, None]) as server:
        budget = Budget(max_tokens=limit)
        llm = client(server, concurrency=3, budget=budget)
        requests = [ask("six words are in this prompt", max_new_tokens=20)] * 40
        answers = llm.complete(requests)
        used = sum(6 + 7 for answer in answers if answer.ok)
        assert used == 13 * server.answered
        assert 0 < used <= budget.tokens <= limit
    assert sum(not answer.ok for answer in answers) == 40 - server.answered


# Guard 4.
def test_money_is_limited_and_counted():
    price = Price(prompt=1.0, completion=10.0)
    budget = Budget(max_cost=0.001, price=price)
    with FaultServer() as server:
        llm = client(server, budget=budget)
        llm.complete([ask("two words", max_new_tokens=30)] * 40)
        # Each answer: 2 words read, 3 written.
        assert llm.usage.cost == pytest.approx(server.answered * (2 + 30) / 1e6)
        # The last call needs room for 9 bytes + 16 and 30 tokens: 325e-6.
        assert server.answered == 22
    assert budget.cost == pytest.approx(llm.usage.cost)


def test_a_spent_budget_is_not_a_failure_of_the_question(tmp_path):
    with FaultServer() as server:
        llm = client(server, budget=Budget(max_calls=3))
        cached = CachedLLM(llm, tmp_path / "answers.sqlite")
        requests = [ask(word) for word in WORDS]
        assert sum(answer.ok for answer in cached.complete(requests)) == 3
        assert cached.store.failures() == {}
        cached = CachedLLM(client(server), tmp_path / "answers.sqlite")
        assert texts(cached.complete(requests)) == ECHOES
        assert server.calls == 10


def test_usage_is_what_the_server_counted():
    with FaultServer() as server:
        llm = client(server, price=Price(1.0, 2.0))
        answers = llm.complete([ask("one two three", max_new_tokens=2)] * 2)
    assert texts(answers) == ["echo: one"] * 2
    assert [answer.finish_reason for answer in answers] == ["length"] * 2
    assert (llm.usage.prompt_tokens, llm.usage.completion_tokens) == (6, 4)
    assert llm.usage.cost == pytest.approx((6 + 8) / 1e6)
    assert llm.usage.wall_s > 0


def test_uncounted_tokens_are_estimated(monkeypatch):
    reply = {"choices": [{"message": {"content": "12345678"}}]}
    monkeypatch.setattr("graphllm.testing.servers._completion", lambda *_: reply)
    with FaultServer() as server:
        (answer,) = client(server).complete([ask("abcde")])
    assert (answer.prompt_tokens, answer.completion_tokens) == (2, 2)


def test_a_content_filter_is_a_failure(monkeypatch):
    choice = {"message": {"content": "I"}, "finish_reason": "content_filter"}
    reply = {"choices": [choice]}
    monkeypatch.setattr("graphllm.testing.servers._completion", lambda *_: reply)
    with FaultServer() as server:
        (answer,) = client(server).complete([ask("a")])
        assert server.calls == 1
    assert "content filter" in answer.error


def test_the_key_comes_from_the_environment_and_is_not_shown(monkeypatch):
    monkeypatch.setenv("SOME_KEY", "secret-123")
    with FaultServer(api_key="secret-123") as server:
        llm = client(server, api_key_env="SOME_KEY")
        assert texts(llm.complete([ask("a")])) == ["echo: a"]
        assert "secret" not in repr(llm) + repr(vars(llm))
        monkeypatch.setenv("SOME_KEY", "wrong-456")
        with pytest.raises(LLMAccessError, match="SOME_KEY") as caught:
            client(server, api_key_env="SOME_KEY").complete([ask("a")])
    assert "wrong-456" not in str(caught.value)


def test_a_key_that_cannot_be_sent(monkeypatch):
    monkeypatch.setenv("SOME_KEY", "sk-“quoted”")
    with pytest.raises(LLMAccessError, match="SOME_KEY has characters") as caught:
        OpenAILLM("http://localhost:1/v1", "m", api_key_env="SOME_KEY")
    assert "quoted" not in str(caught.value)


def test_only_a_server_elsewhere_needs_a_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(LLMAccessError, match="set the environment variable OPENAI"):
        OpenAILLM("https://example.org/v1", "m")
    OpenAILLM("https://example.org/v1", "m", api_key_env=None)
    OpenAILLM("http://localhost:1/v1", "m")
    assert repr(OpenAILLM("http://me:pw@localhost:1/v1", "m")) == (
        "OpenAILLM('http://localhost:1/v1', 'm')"
    )


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000/v1"),
        ("HTTP://LocalHost:80/v1", "http://localhost/v1"),
        ("https://me:pw@Example.org:443/a/v1?key=1#x", "https://example.org/a/v1"),
        ("https://example.org:80/v1", "https://example.org:80/v1"),
        ("http://[::1]:9/v1", "http://[::1]:9/v1"),
    ],
)
def test_the_identity_is_model_and_address_in_one_spelling(url, address):
    assert OpenAILLM(url, "m", api_key_env=None).model == f"m@{address}"


# Guard 11: two servers in one process share no client and no answers.
def test_two_servers_that_call_their_model_alike_are_apart(tmp_path, monkeypatch):
    monkeypatch.setenv("KEY_A", "secret-a")
    monkeypatch.setenv("KEY_B", "secret-b")
    path = tmp_path / "answers.sqlite"
    with FaultServer(api_key="secret-a") as one, FaultServer(api_key="secret-b") as two:
        first = client(one, api_key_env="KEY_A")
        second = client(two, api_key_env="KEY_B")
        assert first._server._client is not second._server._client
        assert first.model != second.model
        for llm, server in ((first, one), (second, two), (first, one)):
            assert texts(CachedLLM(llm, path).complete([ask("a")])) == ["echo: a"]
            assert server.calls == 1
        # servers of one and the same model may share, where the caller says so
        shared = client(two, api_key_env="KEY_B", identity=first.model)
        assert texts(CachedLLM(shared, path).complete([ask("a")])) == ["echo: a"]
        assert two.calls == 1


def test_answers_of_a_server_are_replayed_wherever_it_was(tmp_path):
    with FaultServer() as server:
        cached = CachedLLM(client(server), tmp_path / "answers.sqlite")
        cached.complete([ask("a")])
        exported = tmp_path / "answers.jsonl"
        cached.store.export(exported)
    assert texts(ReplayLLM(exported).complete([ask("a")])) == ["echo: a"]
    other = AnswerStore(tmp_path / "other.sqlite")
    other.load(exported)
    again = CachedLLM(CacheOnly(cached.model), other)
    assert texts(again.complete([ask("a")])) == ["echo: a"]


def test_bad_arguments():
    with pytest.raises(LLMError, match="is not the address of a server"):
        OpenAILLM("localhost:8000", "m")
    for bad in ({"concurrency": 0}, {"timeout_s": 0}, {"max_retries": -1}):
        with pytest.raises(LLMError, match="must be positive"):
            OpenAILLM("http://localhost:1/v1", "m", **bad)


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(MissingExtraError, match=r"graphllm\[api\]"):
        OpenAILLM("http://localhost:1/v1", "m")


@pytest.mark.slow
def test_a_real_server_on_this_machine(tmp_path):
    xllamacpp = pytest.importorskip("xllamacpp")
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(packaged_path("smollm2"))
    parameters.n_ctx = 2048
    parameters.n_parallel = 2
    parameters.cpuparams.n_threads = 1  # spinning threads starve each other
    parameters.warmup = False
    parameters.port = 0
    server = xllamacpp.Server(parameters)
    budget = Budget(max_calls=6, max_tokens=3000)
    llm = OpenAILLM(
        f"{server.listening_address}/v1",
        "smollm2",
        concurrency=2,
        timeout_s=300,
        budget=budget,
    )
    cached = CachedLLM(llm, tmp_path / "answers.sqlite")
    requests = [
        ask(f"In one sentence, what is {thing}?", max_new_tokens=8, node=node)
        for node, thing in enumerate(["a graph", "a star", "a graph"])
    ]
    first = cached.complete(requests)
    assert all(answer.ok and answer.completion_tokens <= 8 for answer in first)
    assert first[0].text == first[2].text != first[1].text
    assert texts(cached.complete(requests)) == texts(first)
    assert (cached.usage.calls, cached.usage.cache_hits) == (2, 4)
    assert cached.usage.prompt_tokens > 10
    assert budget.tokens == llm.usage.prompt_tokens + llm.usage.completion_tokens
