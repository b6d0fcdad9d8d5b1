import http.client
import json
import threading
import time
from urllib.parse import urlsplit

import pytest

from graphllm.testing import FaultServer

BODY = {
    "model": "m",
    "messages": [{"role": "user", "content": "one two three"}],
    "max_tokens": 10,
}


def post(server, body=BODY, path="/v1/chat/completions", method="POST", timeout=10):
    """Ask with the standard library: status, headers, body."""
    connection = http.client.HTTPConnection(
        urlsplit(server.url).netloc, timeout=timeout
    )
    try:
        connection.request(
            method, path, json.dumps(body), {"Authorization": "Bearer k"}
        )
        reply = connection.getresponse()
        return reply.status, reply.headers, reply.read()
    finally:
        connection.close()


def text(reply):
    return json.loads(reply[2])["choices"][0]["message"]["content"]


def test_a_good_answer():
    with FaultServer() as server:
        status, _, content = post(server)
        assert status == 200
        assert json.loads(content)["choices"][0] == {
            "index": 0,
            "message": {"role": "assistant", "content": "echo: one two three"},
            "finish_reason": "stop",
        }
        assert json.loads(content)["usage"] == {
            "prompt_tokens": 3,
            "completion_tokens": 4,
            "total_tokens": 7,
        }
        assert (server.calls, server.answered) == (1, 1)
        assert server.bodies == [BODY]
        assert server.headers[0]["authorization"] == "Bearer k"


def test_the_limit_cuts_the_answer():
    with FaultServer() as server:
        reply = post(server, {**BODY, "max_tokens": 2})
        assert text(reply) == "echo: one"
        assert json.loads(reply[2])["choices"][0]["finish_reason"] == "length"


def test_models_and_other_addresses():
    with FaultServer() as server:
        status, _, content = post(server, path="/v1/models", method="GET")
        assert (status, json.loads(content)["data"][0]["id"]) == (200, "fault")
        assert post(server, path="/v2/models", method="GET")[0] == 404
        assert post(server, path="/v1/nothing")[0] == 404
        assert server.calls == 0


def test_the_script_is_followed_in_order():
    with FaultServer(["429", None, "503"], retry_after="7") as server:
        first, second, third, fourth = (post(server) for _ in range(4))
    assert [r[0] for r in (first, second, third, fourth)] == [429, 200, 503, 200]
    assert first[1]["Retry-After"] == third[1]["Retry-After"] == "7"
    assert json.loads(first[2])["error"]["code"] == 429
    assert (server.calls, server.answered) == (4, 2)


def test_garbage_and_empty():
    with FaultServer(["garbage", "empty"]) as server:
        status, _, content = post(server)
        assert status == 200
        with pytest.raises(ValueError, match="Expecting"):
            json.loads(content)
        assert text(post(server)) == ""


def test_broken_connections():
    with FaultServer(["truncated", "reset"]) as server:
        with pytest.raises(http.client.IncompleteRead):
            post(server)
        with pytest.raises(http.client.RemoteDisconnected):
            post(server)
        assert post(server)[0] == 200
        assert (server.calls, server.answered) == (3, 1)


def test_hanging_lasts_until_the_end():
    with FaultServer(["hang"]) as server:
        with pytest.raises(TimeoutError):
            post(server, timeout=0.1)
    threads = [
        thread for thread in threading.enumerate() if "process_req" in str(thread)
    ]
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()


def test_delays():
    with FaultServer(["slow"], delay_s=0.05, slow_s=0.2) as server:
        start = time.perf_counter()
        assert text(post(server)) == "echo: one two three"
        middle = time.perf_counter()
        post(server)
        assert middle - start >= 0.25
        assert time.perf_counter() - middle >= 0.05


def test_the_probability_is_seeded():
    def statuses(seed):
        with FaultServer(fault_rate=0.5, rate_fault="500", seed=seed) as server:
            return [post(server)[0] for _ in range(20)]

    assert statuses(1) == statuses(1)
    assert set(statuses(1)) == {200, 500}


def test_the_key_is_checked():
    with FaultServer(api_key="k") as server, FaultServer(api_key="other") as strict:
        assert post(server)[0] == 200
        assert post(strict)[0] == 401


def test_an_own_answer():
    with FaultServer(answer=lambda messages: messages[-1]["role"]) as server:
        assert text(post(server)) == "user"


def test_closing_hangs_up_and_frees_the_port():
    with FaultServer() as server:
        post(server)
    with pytest.raises(OSError, match=r"refused|reset"):
        post(server)


def test_unknown_faults_are_refused():
    with pytest.raises(ValueError, match="unknown fault 'flood'"):
        FaultServer(["flood"])
