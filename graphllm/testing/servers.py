"""A language model server on this machine that misbehaves on demand."""

import json
import random
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

FAULTS = ("garbage", "truncated", "empty", "hang", "slow", "reset")


class FaultServer:
    """An OpenAI-compatible server with scripted faults, for tests.

    It serves ``POST /v1/chat/completions`` and ``GET /v1/models`` on 127.0.0.1. The
    answer is a fixed function of the messages; tokens are words. Each request takes
    the next fault of the script; after the script, faults come with a probability.

    A fault is an HTTP status as text (``"429"``, ``"500"``, ``"401"`` ...), or

    * ``"garbage"``: status 200, a body that is no JSON;
    * ``"truncated"``: the connection closes in the middle of the body;
    * ``"reset"``: it closes before any reply;
    * ``"empty"``: a well-formed reply whose answer is empty;
    * ``"hang"``: silence until the server is closed;
    * ``"slow"``: the right answer, ``slow_s`` late.

    Args:
        faults (Sequence[str or None], optional): One entry a request, in the order
            of arrival; ``None`` is no fault.
        fault_rate (float, optional): Probability of ``rate_fault`` after the script.
            (default: :obj:`0.0`)
        rate_fault (str, optional): Which. (default: ``"500"``)
        retry_after (str, optional): Header ``Retry-After`` of an error status.
        delay_s (float, optional): Time of a good answer. (default: :obj:`0.0`)
        slow_s (float, optional): Extra time of a slow one. (default: :obj:`0.3`)
        api_key (str, optional): When given, any other key is refused with 401.
        answer (Callable, optional): Function from the list of messages to the
            answer. (default: ``"echo: "`` and the last message)
        seed (int, optional): Seed of the probability. (default: :obj:`0`)

    What happened is in ``calls`` (chat requests received), ``answered`` (good answers
    sent), ``bodies`` (JSON received), ``headers`` (names in small letters),
    ``times`` and ``most_at_once``.

    Example::

        with FaultServer(["429", None]) as server:
            llm = OpenAILLM(server.url, "any")
    """

    def __init__(
        self,
        faults: Sequence[str | None] = (),
        *,
        fault_rate: float = 0.0,
        rate_fault: str = "500",
        retry_after: str | None = None,
        delay_s: float = 0.0,
        slow_s: float = 0.3,
        api_key: str | None = None,
        answer: Callable[[list[dict[str, str]]], str] | None = None,
        seed: int = 0,
    ) -> None:
        for fault in (*faults, rate_fault):
            if fault is not None and fault not in FAULTS and not fault.isdigit():
                raise ValueError(
                    f"unknown fault '{fault}': give an HTTP status or one of "
                    f"{', '.join(FAULTS)}"
                )
        self.retry_after = retry_after
        self.delay_s = delay_s
        self.slow_s = slow_s
        self.api_key = api_key
        self.answer = answer or (lambda messages: f"echo: {messages[-1]['content']}")
        self.calls = 0
        self.answered = 0
        self.most_at_once = 0
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[Mapping[str, str]] = []
        self.times: list[float] = []
        self.closing = threading.Event()
        self._script = list(faults)
        self._rate = (fault_rate, rate_fault)
        self._rng = random.Random(seed)
        self._at_once = 0
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"owner": self})
        self._http = _HTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """The base address, ending in ``/v1``."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def close(self) -> None:
        """Stop; requests that hang are let go."""
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self, body: dict[str, Any], headers: Mapping[str, str]) -> str | None:
        """Count one request in and say which fault it gets."""
        with self._lock:
            self.bodies.append(body)
            self.headers.append(headers)
            self.times.append(time.monotonic())
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            index, self.calls = self.calls, self.calls + 1
            if index < len(self._script):
                fault = self._script[index]
            else:
                rate, kind = self._rate
                fault = kind if self._rng.random() < rate else None
        key = headers.get("authorization", "").removeprefix("Bearer ")
        return "401" if self.api_key not in (None, key) else fault

    def end(self, answered: bool) -> None:
        """Count one request out."""
        with self._lock:
            self._at_once -= 1
            self.answered += answered


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each reply waits 40 ms for the client
    owner: FaultServer

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        if self.path.rstrip("/") != "/v1/models":
            return self._json(404, _error(404))
        self._json(
            200, {"object": "list", "data": [{"id": "fault", "object": "model"}]}
        )

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length) or b"{}")
        if self.path.rstrip("/") != "/v1/chat/completions":
            return self._json(404, _error(404))
        headers = {name.lower(): value for name, value in self.headers.items()}
        fault = self.owner.start(body, headers)
        try:
            status, content = self._reply(body, fault)
        finally:
            # Before the reply is sent: whoever has read it finds it counted.
            self.owner.end(fault in (None, "slow"))
        if status == 0:
            self.close_connection = True
            return
        retry = {"Retry-After": self.owner.retry_after or ""}
        extra = retry if status != 200 and self.owner.retry_after else {}
        self._send(status, content, cut=fault == "truncated", headers=extra)

    def _reply(self, body: dict[str, Any], fault: str | None) -> tuple[int, bytes]:
        owner = self.owner
        if fault is not None and fault.isdigit():
            return int(fault), json.dumps(_error(int(fault))).encode()
        if fault == "hang":
            owner.closing.wait()
        if fault in ("hang", "reset"):
            return 0, b""
        owner.closing.wait(owner.delay_s + (owner.slow_s if fault == "slow" else 0.0))
        if fault == "garbage":
            return 200, b"<html>this is not JSON</html>"
        text = "" if fault == "empty" else owner.answer(body["messages"])
        return 200, json.dumps(_completion(body, text)).encode()

    def _json(self, status: int, body: dict[str, Any]) -> None:
        self._send(status, json.dumps(body).encode())

    def _send(
        self,
        status: int,
        content: bytes,
        cut: bool = False,
        headers: Mapping[str, str] = {},
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if cut else content)
        self.close_connection = self.close_connection or cut


class _HTTPServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[_Handler]) -> None:
        super().__init__(address, handler)
        self.connections: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Also hang up on clients that keep their connection."""
        super().server_close()
        for connection in list(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is part of the test, not an error."""


def _completion(body: dict[str, Any], text: str) -> dict[str, Any]:
    words = text.split(" ")
    limit = int(body.get("max_tokens") or body.get("max_completion_tokens") or 10**9)
    cut = len(words) > limit
    text = " ".join(words[:limit])
    read = sum(len(str(turn["content"]).split()) for turn in body["messages"])
    written = len(text.split())
    return {
        "id": "chatcmpl-0",
        "object": "chat.completion",
        "created": 0,
        "model": body.get("model", ""),
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": "length" if cut else "stop",
            }
        ],
        "usage": {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
        },
    }


def _error(status: int) -> dict[str, Any]:
    return {"error": {"message": f"scripted {status}", "type": "test", "code": status}}
