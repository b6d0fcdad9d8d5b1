"""A quantised model in this process, run by llama.cpp."""

import http.client
import json
import os
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from statistics import median
from typing import Any, Self
from urllib.parse import urlsplit

from graphllm._optional import require
from graphllm.errors import LLMError, ModelNotFoundError, SpendingLimitError
from graphllm.llm.base import Backend, Completion, Message, Request
from graphllm.llm.gguf import file_identity
from graphllm.llm.parallel import stream_parallel
from graphllm.llm.row import clean
from graphllm.llm.usage import Budget, Price, Stopwatch, Usage
from graphllm.model_packages import find_model

# Servers map the same weights, yet some formats are repacked a server each.
_MOST_WEIGHTS = 4 * 2**30
_SPEED_PROMPT = "Describe in two sentences what a graph neural network is. "


class LlamaCppLLM(Backend):
    """A quantised model on the CPU: starts at once, small, answers as they come.

    Three times as fast there as float32 one prompt at a time, and faster still where
    prompts begin alike or answers are long; ``benchmarks/llm_service.py`` measures it
    beside :class:`~graphllm.llm.TransformersLLM`, whose full batches can be quicker.

    Starts ``n_parallel`` servers of llama.cpp in this process, each with one slot
    and its share of the threads, and hands each request to a free one. One slot a
    server, and not many slots in one, because then an answer does not depend on its
    batch: with flash attention off, greedy answers are the same whatever else is
    asked, in whatever order. Many slots that re-use prompts gave another answer in 1
    of 16, for a fifth less processor time; flash attention in 6 of 16. And servers of
    one thread never wait for each other, as the threads of one server do on a busy
    machine.

    Each server keeps the keys and values of its last prompt, so what prompts have in
    common at the beginning (system message, instruction) is read once. The very same
    chat is read again as a whole: a last token read alone is rounded differently.

    A prompt longer than ``n_ctx`` is a failed completion; an answer that would
    outgrow it ends there (``"length"``). A request that ``budget`` does not allow is
    refused with all later ones of the call.

    Args:
        path_or_name (str or Path, optional): A ``.gguf`` file, or the name of an
            installed model package. (default: ``"smollm2"``)
        n_parallel (int, optional): Requests at a time. (default: ``n_threads``, less
            if so many copies of the file exceed 4 GiB)
        n_ctx (int, optional): Context of each request, in tokens.
            (default: :obj:`4096`)
        n_threads (int, optional): Threads of all servers together.
            (default: the processors this process may use)
        budget (Budget, optional): Limit on calls, tokens, money.
        price (Price, optional): Money a token, for :attr:`usage`.
            (default: the price of ``budget``)

    Raises:
        MissingExtraError: If the package ``xllamacpp`` is not installed.
        ModelNotFoundError: If there is no such file or llama.cpp cannot load it.
        LLMError: If a number is not positive.

    Example::

        with LlamaCppLLM("smollm2") as llm:
            answers = llm.complete([Request((Message("user", "What is a GNN?"),))])
    """

    def __init__(
        self,
        path_or_name: str | Path = "smollm2",
        *,
        n_parallel: int | None = None,
        n_ctx: int = 4096,
        n_threads: int | None = None,
        budget: Budget | None = None,
        price: Price | None = None,
    ) -> None:
        self.path = Path(find_model(str(path_or_name)))
        if self.path.suffix != ".gguf":
            raise ModelNotFoundError(
                f"llama.cpp reads .gguf files, not '{path_or_name}'; for other models "
                "take the backend transformers"
            )
        self.model = file_identity(self.path)
        n_threads = _processors() if n_threads is None else n_threads
        if n_parallel is None:
            copies = _MOST_WEIGHTS // max(1, self.path.stat().st_size)
            n_parallel = max(1, min(n_threads, copies))
        if min(n_parallel, n_threads, n_ctx) < 1:
            raise LLMError(
                "'n_parallel', 'n_threads' and 'n_ctx' must be positive "
                f"(got {n_parallel}, {n_threads} and {n_ctx})"
            )
        self.concurrency = n_parallel
        self.n_ctx = n_ctx
        self.budget = budget or Budget()
        self.price = price or self.budget.price
        self.usage = Usage()
        self._limited = budget is not None
        self._lock = threading.Lock()
        self._speed = 0.0
        threads = max(1, n_threads // n_parallel)
        self._servers = [
            _start(self.path, self.model, n_ctx, threads) for _ in range(n_parallel)
        ]
        self._free: SimpleQueue[_Slot] = SimpleQueue()
        for server in self._servers:
            self._free.put(_Slot(server))
        self._address = str(self._servers[0].listening_address)
        # Servers must end before the interpreter does, or their threads outlive it.
        self._end = weakref.finalize(self, _stop, self._servers, self._free)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"LlamaCppLLM('{self.model}')"

    @property
    def server_url(self) -> str:
        """Address of the first server, for any client of the OpenAI protocol.

        It listens on this machine only and answers one request at a time.
        """
        return f"{self._address}/v1"

    def close(self) -> None:
        """End the servers, after the answers that are on their way."""
        self._end()

    def complete(self, requests: Sequence[Request]) -> list[Completion]:
        """Answer every request, in order."""
        with Stopwatch(self.usage):
            return super().complete(requests)

    def stream(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion]]:
        """Yield each answer as it arrives."""
        self._require_open()
        spent: list[str] = []
        return stream_parallel(
            lambda request: self._answer(request, spent),
            requests,
            self.concurrency,
            threading.Event(),
        )

    def count_tokens(self, text: str) -> int:
        """Tokens of ``text``, exactly, without those of the chat template."""
        self._require_open()
        return len(self._post("/tokenize", {"content": clean(text)})["tokens"])

    def measure_speed(self) -> float:
        """Tokens a second written by all servers together; measured once.

        Counted in neither ``usage`` nor ``budget``.
        """
        if not self._speed:
            self._require_open()
            requests = [
                Request((Message("user", _SPEED_PROMPT * 4),), max_new_tokens=12)
            ] * (2 * self.concurrency)
            started = time.perf_counter()
            answers = stream_parallel(
                lambda request: _read(self._ask(request)),
                requests,
                self.concurrency,
                threading.Event(),
            )
            written = sum(answer.completion_tokens for _, answer in answers)
            self._speed = max(written, 1) / (time.perf_counter() - started)
        return self._speed

    def time_tokens(
        self, prompt_tokens: int = 192, new_tokens: int = 48, repeats: int = 3
    ) -> tuple[float, float]:
        """Tokens a second of one sequence, as llama.cpp's own clock has them.

        Args:
            prompt_tokens (int, optional): Tokens to read. (default: :obj:`192`)
            new_tokens (int, optional): Tokens to write, whether or not the model
                would end before. (default: :obj:`48`)
            repeats (int, optional): Measurements, of which the medians are given,
                after one that is not counted. (default: :obj:`3`)

        Returns:
            tuple[float, float]: Read, and written. Counted in neither ``usage`` nor
            ``budget``.
        """
        self._require_open()
        text = {"content": _SPEED_PROMPT * prompt_tokens}
        body = {
            "prompt": self._post("/tokenize", text)["tokens"][:prompt_tokens],
            "n_predict": new_tokens,
            "ignore_eos": True,
            "cache_prompt": False,
            "temperature": 0.0,
        }
        found = [self._post("/completion", body)["timings"] for _ in range(repeats + 1)]
        read, written = (
            median(float(each[f"{part}_per_second"]) for each in found[1:])
            for part in ("prompt", "predicted")
        )
        return read, written

    def _answer(self, request: Request, spent: list[str]) -> Completion:
        try:
            if spent:
                raise SpendingLimitError(spent[0])
            read = self._count_prompt(request) if self._limited else 0
            reservation = self.budget.reserve(read, request.max_new_tokens)
        except SpendingLimitError as error:
            spent.append(str(error))
            self._count(failures=1)
            return Completion.refused(str(error))
        except LLMError as error:  # the template refuses the chat
            self._count(failures=1)
            return Completion.failed(str(error))
        answer = _read(self._ask(request))
        read, written = answer.prompt_tokens, answer.completion_tokens
        reservation.settle(read, written)
        self._count(
            calls=1,
            prompt_tokens=read,
            completion_tokens=written,
            failures=int(not answer.ok),
            cost=self.price.of(read, written),
        )
        return answer

    def _ask(self, request: Request) -> dict[str, Any]:
        body: dict[str, Any] = {
            "messages": _turns(request),
            "max_tokens": request.max_new_tokens,
            "temperature": request.temperature,
            "top_p": request.top_p,
            # What llama.cpp would cut on its own is left to the request.
            "top_k": 0,
            "min_p": 0.0,
            "stop": list(request.stop),
        }
        if request.seed is not None:
            body["seed"] = request.seed % 2**32
        slot = self._free.get()
        body["cache_prompt"] = slot.last != request.messages
        slot.last = request.messages
        started = time.perf_counter()
        try:
            reply: dict[str, Any] = slot.server.handle_chat_completions(body)
        except RuntimeError as error:
            reply = {"error": {"message": str(error)}}
        finally:
            self._free.put(slot)
        return reply | {"seconds": time.perf_counter() - started}

    def _count_prompt(self, request: Request) -> int:
        prompt = self._post("/apply-template", {"messages": _turns(request)})["prompt"]
        body = {"content": prompt, "add_special": True, "parse_special": True}
        return len(self._post("/tokenize", body)["tokens"])

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        # The standard library's own client: no proxy from the environment.
        connection = http.client.HTTPConnection(urlsplit(self._address).netloc)
        try:
            connection.request(
                "POST", path, json.dumps(body), {"Content-Type": "application/json"}
            )
            reply: dict[str, Any] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        if "error" in reply:
            raise LLMError(f"llama.cpp said: {_one_line(reply['error'])}")
        return reply

    def _require_open(self) -> None:
        if not self._end.alive:
            raise LLMError(f"{self!r} is closed; make a new one")

    def _count(self, **more: float) -> None:
        with self._lock:
            for name, value in more.items():
                setattr(self.usage, name, getattr(self.usage, name) + value)


@dataclass
class _Slot:
    """A server and the chat whose keys and values it holds."""

    server: Any
    last: tuple[Message, ...] = ()


def _start(path: Path, name: str, n_ctx: int, n_threads: int) -> Any:
    xllamacpp = require("xllamacpp", "local", "LlamaCppLLM")
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.model_alias = {name}
    params.n_parallel = 1
    params.n_ctx = n_ctx
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = n_threads
    params.cpuparams_batch.n_threads = n_threads
    # Its sums depend on how many tokens are read at once.
    off = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.flash_attn_type = off
    params.ctx_shift = False
    params.cache_ram_mib = 0  # keeps the last prompt, not old ones
    # Requests of this class say themselves; other clients get one answer, in any order.
    params.cache_prompt = False
    params.warmup = False
    params.verbosity = -1
    params.ui = False
    # No web page may read from the server.
    params.cors_origins, params.cors_origins_explicit = "", True
    try:
        server = xllamacpp.Server(params)
        # A server that is ended before its loop has begun waits for it for ever.
        server.handle_completions({"prompt": "a", "n_predict": 1})
        return server
    except RuntimeError:
        raise ModelNotFoundError(
            f"llama.cpp cannot load '{path}': it is damaged, of an unknown kind, or "
            "too large for the memory"
        ) from None


def _stop(servers: list[Any], free: "SimpleQueue[_Slot]") -> None:
    for _ in servers:
        free.get()  # a busy one comes back when its answer is finished
    # The last reference: a server ends when it is collected.
    servers.clear()


def _turns(request: Request) -> list[dict[str, str]]:
    return [
        {"role": turn.role, "content": clean(turn.content)} for turn in request.messages
    ]


def _read(reply: dict[str, Any]) -> Completion:
    error = reply.get("error")
    if error is not None:
        read = int(error.get("n_prompt_tokens") or 0)
        if error.get("type") == "exceed_context_size_error":
            return Completion.failed(
                f"the prompt has {read} tokens and the context only "
                f"{error.get('n_ctx')}; shorten the prompt or raise n_ctx"
            )
        return Completion.failed(f"llama.cpp said: {_one_line(error)}")
    choice, usage = reply["choices"][0], reply["usage"]
    text = clean(choice["message"].get("content") or "")
    empty = None if text.strip() else "empty answer"
    return Completion(
        "" if empty else text,
        error=empty,
        finish_reason="error" if empty else str(choice["finish_reason"]),
        prompt_tokens=int(usage["prompt_tokens"]),
        completion_tokens=int(usage["completion_tokens"]),
        seconds=float(reply["seconds"]),
    )


def _one_line(error: Any) -> str:
    message = error.get("message", error) if isinstance(error, dict) else error
    return " ".join(str(message).split())[:300]


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
