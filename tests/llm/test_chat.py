import json

import pytest

from graphllm.errors import LLMAccessError, LLMConnectionError, LLMError
from graphllm.llm import Message, Request
from graphllm.llm.chat import CallError, ChatServer, Reply, is_loopback, shown
from graphllm.testing import FaultServer

REQUEST = Request((Message("system", "s"), Message("user", "hi there")))


def chat(server, key=None, timeout_s=5.0):
    return ChatServer(server.url, "some-model", key, "SOME_KEY", timeout_s)


def failure(server, request=REQUEST, **options):
    with pytest.raises(CallError) as caught:
        chat(server, **options).ask(request)
    assert "\n" not in caught.value.reason
    return caught.value


def test_an_answer_with_its_counts():
    with FaultServer() as server:
        assert chat(server).ask(REQUEST) == Reply("echo: hi there", "stop", 3, 3)


def test_what_is_sent():
    with FaultServer() as server:
        chat(server, key="secret").ask(REQUEST)
        full = Request(
            (Message("user", "cut \ud83d"),), 7, 0.5, 0.9, seed=3, stop=("\n", "END")
        )
        chat(server).ask(full)
    assert server.bodies == [
        {
            "model": "some-model",
            "messages": [
                {"role": "system", "content": "s"},
                {"role": "user", "content": "hi there"},
            ],
            "temperature": 0.0,
            "max_tokens": 128,
        },
        {
            "model": "some-model",
            "messages": [{"role": "user", "content": "cut ?"}],
            "temperature": 0.5,
            "max_tokens": 7,
            "top_p": 0.9,
            "seed": 3,
            "stop": ["\n", "END"],
        },
    ]
    assert server.headers[0]["authorization"] == "Bearer secret"


@pytest.mark.parametrize("status", ["408", "409", "429", "500", "502", "503"])
def test_passing_troubles(status):
    with FaultServer([status], retry_after="2.5") as server:
        error = failure(server)
        assert (error.again, error.billed, error.fatal) == (True, False, None)
        assert error.after_s == 2.5
        assert f"{status}: " in error.reason
        assert server.calls == 1  # the package's own retries are off


@pytest.mark.parametrize("status", ["400", "413", "422"])
def test_a_bad_request_is_not_repeated(status):
    with FaultServer([status]) as server:
        error = failure(server)
    assert (error.again, error.fatal) == (False, None)


@pytest.mark.parametrize(
    ("status", "hint"), [("401", "SOME_KEY"), ("403", "SOME_KEY"), ("404", "/v1")]
)
def test_no_access_is_final(status, hint):
    with FaultServer([status]) as server:
        error = failure(server)
        assert isinstance(error.fatal, LLMAccessError)
        assert hint in str(error.fatal)
        assert server.url in str(error.fatal)


def test_the_key_is_never_repeated():
    with FaultServer(api_key="right") as server:
        server_error = failure(server, key="scripted")  # the server's own words
    assert "scripted" not in str(server_error.fatal)
    assert "***" in str(server_error.fatal)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("garbage", "not JSON"),
        ("truncated", "connection broke"),
        ("reset", "connection broke"),
    ],
)
def test_broken_replies_may_be_billed(fault, reason):
    with FaultServer([fault]) as server:
        error = failure(server)
    assert reason in error.reason
    assert (error.again, error.billed, error.fatal) == (True, True, None)


def test_silence():
    with FaultServer(["hang"]) as server:
        error = failure(server, timeout_s=0.1)
    assert "in time" in error.reason
    assert (error.again, error.billed, error.fatal) == (True, True, None)


def test_nobody_there():
    with FaultServer() as server:
        pass
    error = failure(server)
    assert isinstance(error.fatal, LLMConnectionError)
    assert f"no LLM server at {server.url}" in str(error.fatal)
    assert (error.again, error.billed) == (True, False)


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"choices": []},
        {"choices": [{"message": None}]},
        {"choices": [{"message": {"content": ["a"]}}]},
        {"choices": [{"message": {"content": "a"}}], "usage": {"prompt_tokens": "x"}},
        {"error": "out of memory"},
    ],
)
def test_json_without_an_answer(body, monkeypatch):
    monkeypatch.setattr("graphllm.testing.servers._completion", lambda *_: body)
    with FaultServer() as server:
        error = failure(server)
    assert f"holds no answer: {json.dumps(body)}" in error.reason
    assert error.again


def test_counts_are_optional(monkeypatch):
    reply = {"choices": [{"message": {"content": None}}]}
    monkeypatch.setattr("graphllm.testing.servers._completion", lambda *_: reply)
    with FaultServer() as server:
        assert chat(server).ask(REQUEST) == Reply("", "None", None, None)


def test_newer_models_name_the_limit_otherwise(monkeypatch):
    words = {"error": {"message": "use 'max_completion_tokens' instead"}}
    monkeypatch.setattr("graphllm.testing.servers._error", lambda _: words)
    with FaultServer(["400"]) as server:
        client = chat(server)
        with pytest.raises(CallError) as caught:
            client.ask(REQUEST)
        assert caught.value.again
        client.ask(REQUEST)
    assert "max_tokens" not in server.bodies[1]
    assert server.bodies[1]["max_completion_tokens"] == 128


def test_a_used_up_quota_is_final(monkeypatch):
    words = {"error": {"message": "pay first", "code": "insufficient_quota"}}
    monkeypatch.setattr("graphllm.testing.servers._error", lambda _: words)
    with FaultServer(["429"]) as server:
        assert isinstance(failure(server).fatal, LLMAccessError)


def test_two_servers_share_no_client():
    with (
        FaultServer(answer=lambda _: "one") as one,
        FaultServer(answer=lambda _: "two") as two,
    ):
        first, second = chat(one, key="key-1"), chat(two, key="key-2")
        assert first._client is not second._client
        for _ in range(2):
            assert first.ask(REQUEST).text == "one"
            assert second.ask(REQUEST).text == "two"
    assert {header["authorization"] for header in one.headers} == {"Bearer key-1"}
    assert {header["authorization"] for header in two.headers} == {"Bearer key-2"}


def test_a_proxy_does_not_stand_before_this_machine(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with FaultServer() as server:
        assert chat(server).ask(REQUEST).text == "echo: hi there"


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://localhost:1/v1", True),
        ("http://127.0.0.9/v1", True),
        ("http://[::1]:80/v1", True),
        ("http://10.0.0.1/v1", False),
        ("https://example.org/v1", False),
        ("https://localhost.example.org/v1", False),
    ],
)
def test_which_addresses_are_local(url, local):
    assert is_loopback(url) is local


def test_addresses_are_shown_without_a_password():
    assert shown("http://me:secret@host:8/v1") == "http://host:8/v1"


@pytest.mark.parametrize(
    "url",
    ["", "localhost:8000", "ftp://host/v1", "http://", "http://[1", "http://a:b/v1"],
)
def test_what_is_no_address(url):
    with pytest.raises(LLMError, match="is not the address of a server"):
        shown(url)
