"""Any server that speaks the OpenAI chat protocol."""

import os
import random
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from graphllm.errors import LLMAccessError, LLMError, SpendingLimitError
from graphllm.llm.base import Backend, Completion, Request
from graphllm.llm.chat import CallError, ChatServer, is_loopback, shown
from graphllm.llm.parallel import stream_parallel
from graphllm.llm.retry import wait_s
from graphllm.llm.usage import Budget, Price, Stopwatch, Usage


class OpenAILLM(Backend):
    """A model behind ``/v1/chat/completions``: vLLM, Ollama, llama.cpp, hosted.

    Requests run on up to ``concurrency`` threads. An attempt is repeated after 408,
    409, 429, 5xx, a timeout, a broken connection, and an answer that is no JSON, cut
    short or empty; the wait doubles from ``backoff_s`` with a random factor and
    honours ``Retry-After``. What still fails is a failed
    :class:`~graphllm.llm.Completion`; any other 4xx is one at once. A refused key
    (401, 403) or an unknown model or address (404) stops everything.

    Each attempt first reserves its worst case in ``budget``: ``max_new_tokens`` plus
    an upper bound of the prompt's tokens (its UTF-8 bytes and 16 a message, since no
    tokenizer makes more). When that does not fit, the request and all later ones of
    the call fail with the reason, and finished answers are kept. An attempt that
    ended without a word from the server keeps its worst case, since it may be billed.

    Args:
        base_url (str): Address up to and with ``/v1``.
        model (str): Name of the model at the server.
        api_key_env (str, optional): Environment variable that holds the key;
            ``None`` for a server without keys. A server on this machine needs none.
            (default: ``"OPENAI_API_KEY"``)
        concurrency (int, optional): Requests at a time. (default: :obj:`8`)
        timeout_s (float, optional): Longest silence of the server.
            (default: :obj:`60`)
        max_retries (int, optional): Attempts after the first. (default: :obj:`5`)
        price (Price, optional): Money a token, for :attr:`usage`.
            (default: the price of ``budget``)
        budget (Budget, optional): Limit on calls, tokens, money.
        backoff_s (float, optional): First wait before a retry. (default: :obj:`0.5`)
        seed (int, optional): Seed of the waits. (default: :obj:`0`)
        identity (str, optional): What a cache keys on. Many local servers call
            whatever they run ``default``, so the address is part of it. Give the same
            to share answers between servers of one model, or to go on with those of a
            server that moved. (default: ``model@scheme://host:port/path``, without
            user name, password, query and the scheme's own port)

    Raises:
        MissingExtraError: If the package ``openai`` is not installed.
        LLMAccessError: If there is no key, or the server refuses it.
        LLMConnectionError: If nobody answers at ``base_url``.

    Example::

        llm = OpenAILLM("http://127.0.0.1:11434/v1", "llama3.2")
        answers = llm.complete([Request((Message("user", "What is a GNN?"),))])
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key_env: str | None = "OPENAI_API_KEY",
        concurrency: int = 8,
        timeout_s: float = 60,
        max_retries: int = 5,
        price: Price | None = None,
        budget: Budget | None = None,
        backoff_s: float = 0.5,
        seed: int = 0,
        identity: str | None = None,
    ) -> None:
        if concurrency < 1 or max_retries < 0 or timeout_s <= 0:
            raise LLMError(
                "'concurrency' and 'timeout_s' must be positive and 'max_retries' not "
                f"negative (got {concurrency}, {timeout_s}, {max_retries})"
            )
        self.base_url = shown(base_url)
        self.model = identity or f"{model}@{_address(base_url)}"
        self.concurrency = concurrency
        self.max_retries = max_retries
        self.price = price or (budget.price if budget else Price())
        self.budget = budget or Budget()
        self.backoff_s = backoff_s
        self.usage = Usage()
        key = _find_key(self.base_url, api_key_env)
        self._server = ChatServer(base_url, model, key, api_key_env, timeout_s)
        self._rng = random.Random(seed)
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"OpenAILLM('{self.base_url}', '{self._server.model}')"

    def complete(self, requests: Sequence[Request]) -> list[Completion]:
        """Answer every request, in order."""
        with Stopwatch(self.usage):
            return super().complete(requests)

    def stream(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion]]:
        """Yield answers as the server gives them."""
        run = _Run(threading.Event())
        return stream_parallel(
            lambda request: self._answer(request, run),
            requests,
            self.concurrency,
            run.stop,
        )

    def _answer(self, request: Request, run: "_Run") -> Completion:
        failure: CallError | None = None
        attempts = 0
        while attempts <= self.max_retries:
            if failure is not None:
                asked = failure.after_s
                run.stop.wait(wait_s(attempts - 1, asked, self.backoff_s, self._rng))
            if run.stop.is_set():
                break
            try:
                if run.spent:
                    raise SpendingLimitError(run.spent)
                return self._attempt(request)
            except SpendingLimitError as error:
                run.spent = str(error)
                self._count(failures=1)
                return Completion.refused(run.spent)
            except CallError as error:
                failure = error
                attempts += 1
                patient = error.again and self._server.reached
                if error.fatal is not None and not patient:
                    raise error.fatal from None
                if not error.again:
                    break
        self._count(failures=1)
        if failure is None:
            return Completion.refused("stopped before it was asked")
        if failure.fatal is not None:
            raise failure.fatal
        tries = f"no answer after {attempts} attempts: " if attempts > 1 else ""
        return Completion.failed(tries + failure.reason)

    def _attempt(self, request: Request) -> Completion:
        reservation = self.budget.reserve(_most_tokens(request), request.max_new_tokens)
        self._count(calls=1)
        started = time.perf_counter()
        try:
            reply = self._server.ask(request)
        except CallError as error:
            if not error.billed:
                reservation.settle(0, 0)
            raise
        read, written = reply.prompt_tokens, reply.completion_tokens
        if read is None:
            read = sum(self.count_tokens(turn.content) for turn in request.messages)
        if written is None:
            written = self.count_tokens(reply.text)
        reservation.settle(read, written)
        cost = self.price.of(read, written)
        self._count(prompt_tokens=read, completion_tokens=written, cost=cost)
        if reply.finish_reason == "content_filter":
            raise CallError("the server's content filter stopped it", again=False)
        if not reply.text.strip():
            raise CallError(f"empty answer (finish_reason={reply.finish_reason})")
        return Completion(
            reply.text,
            finish_reason="length" if reply.finish_reason == "length" else "stop",
            prompt_tokens=read,
            completion_tokens=written,
            seconds=time.perf_counter() - started,
        )

    def _count(self, **more: float) -> None:
        with self._lock:
            for name, value in more.items():
                setattr(self.usage, name, getattr(self.usage, name) + value)


@dataclass
class _Run:
    """What the threads of one call share."""

    stop: threading.Event
    spent: str = ""


def _most_tokens(request: Request) -> int:
    # Byte-level tokenizers never make more tokens than bytes.
    return sum(
        len(turn.content.encode("utf-8", "replace")) + 16 for turn in request.messages
    )


def _address(base_url: str) -> str:
    """One spelling of an address, without anything secret."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    own = {"http": 80, "https": 443}.get(parts.scheme)
    port = "" if parts.port in (None, own) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}"


def _find_key(url: str, variable: str | None) -> str | None:
    key = os.environ.get(variable, "").strip() if variable else ""
    if not key and variable and not is_loopback(url):
        raise LLMAccessError(
            f"no key for {url}: set the environment variable {variable} (to any word, "
            "such as 'none', for a server without keys)"
        )
    if not key.isascii():
        raise LLMAccessError(
            f"the key in the environment variable {variable} has characters that no "
            "key has; copy it again"
        )
    return key or None
