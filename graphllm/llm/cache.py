"""A language model that never asks the same question twice."""

import threading
import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from graphllm.errors import LLMError
from graphllm.llm.base import LLM, Backend, Completion, Request
from graphllm.llm.key import request_key
from graphllm.llm.store import AnswerStore
from graphllm.llm.usage import Stopwatch, Usage

_CHUNK = 16  # requests at a time for a model that cannot stream


@dataclass(frozen=True)
class Plan:
    """How a cache would answer some requests.

    Args:
        ask (dict[str, list[int]]): Key to positions of each question for the model.
        cached (dict[int, Completion]): Position to stored answer.
        uncached (list[int]): Positions asked each time: sampled without a seed.
    """

    ask: dict[str, list[int]] = field(default_factory=dict)
    cached: dict[int, Completion] = field(default_factory=dict)
    uncached: list[int] = field(default_factory=list)


class CachedLLM(Backend):
    """Answers from a store where it can, asks ``llm`` for the rest, and stores that.

    Every answer is committed as soon as it leaves ``llm``, one transaction each, so
    a process killed at any moment loses at most the requests in flight. A question
    that occurs several times in one call is asked once. Failed and empty answers are
    noted as failures and asked again next time. Requests with ``temperature > 0``
    and no ``seed`` are independent draws: they are neither merged nor stored (a
    warning a call says so).

    If an answer cannot be committed (disk full, file locked for too long), no
    further question is asked and :class:`~graphllm.errors.CacheError` is raised.
    Nothing paid for is lost: earlier answers are stored, and the one at hand stays
    in :attr:`unsaved`, from where the next call takes and stores it.

    Args:
        llm (LLM): The model; needs an attribute ``model`` naming it.
        path (str, Path or AnswerStore, optional): The store.
            (default: ``answers.sqlite`` in :func:`~graphllm.cache_dir.cache_dir`)

    Raises:
        CacheError: If the store cannot be used.
        LLMError: If ``llm`` does not say which model it is.

    Example::

        llm = CachedLLM(OpenAILLM("http://127.0.0.1:8000/v1", "smol"), "answers.sqlite")
        answers = llm.complete(requests)
    """

    def __init__(self, llm: LLM, path: str | Path | AnswerStore | None = None) -> None:
        name = getattr(llm, "model", None)
        if not isinstance(name, str) or not name:
            raise LLMError(
                f"{type(llm).__name__} has no attribute 'model'; answers are stored "
                "under the model's name, so give it one"
            )
        self.llm = llm
        self.model = name
        self.store = path if isinstance(path, AnswerStore) else AnswerStore(path)
        self.unsaved: dict[str, tuple[Request, Completion]] = {}
        self._own = Usage()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"CachedLLM({self.llm!r}, {self.store!r})"

    @property
    def usage(self) -> Usage:
        """What the inner model used, with hits and failures of the cache added."""
        inner: Usage = getattr(self.llm, "usage", None) or Usage()
        return replace(
            inner,
            cache_hits=inner.cache_hits + self._own.cache_hits,
            failures=inner.failures + self._own.failures,
            wall_s=self._own.wall_s or inner.wall_s,
        )

    def count_tokens(self, text: str) -> int:
        """Tokens of ``text``, as the inner model counts them."""
        count = getattr(self.llm, "count_tokens", None)
        return int(count(text)) if count else super().count_tokens(text)

    def plan(self, requests: Sequence[Request]) -> Plan:
        """Look everything up; nothing is asked."""
        plan = Plan()
        keys: dict[int, str] = {}
        for position, request in enumerate(requests):
            if self._cacheable(request):
                keys[position] = request_key(self.model, request)
            else:
                plan.uncached.append(position)
        found = self.store.get(keys.values()) if keys else {}
        for position, key in keys.items():
            if key in found:
                plan.cached[position] = found[key]
            else:
                plan.ask.setdefault(key, []).append(position)
        return plan

    def stream(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion]]:
        """Yield stored answers first, then each new one once it is committed."""
        with Stopwatch(self._own):
            yield from self._stream(requests)

    def _stream(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion]]:
        self._save_unsaved()
        plan = self.plan(requests)
        for position, answer in plan.cached.items():
            self._count(hits=1)
            yield position, answer
        if plan.uncached and getattr(self.llm, "cacheable", True):
            warnings.warn(
                f"{len(plan.uncached)} sampled requests have no seed and are not "
                "stored; give Request(seed=...) to keep their answers",
                stacklevel=4,
            )
        if plan.ask and not isinstance(self.llm, CacheOnly):
            self.store.require_writable()
        yield from self._ask(requests, plan)

    def _ask(
        self, requests: Sequence[Request], plan: Plan
    ) -> Iterator[tuple[int, Completion]]:
        groups = [*plan.ask.items(), *(("", [position]) for position in plan.uncached)]
        asked = [requests[positions[0]] for _, positions in groups]
        with closing(_stream(self.llm, asked)) as answers:
            for index, answer in answers:
                key, positions = groups[index]
                if answer.ok and not answer.text.strip():
                    answer = replace(
                        answer, text="", error="empty answer", finish_reason="error"
                    )
                    self._count(failures=1)
                if key:
                    self._keep(key, asked[index], answer)
                yield positions[0], answer
                for position in positions[1:]:
                    self._count(hits=int(answer.ok), failures=int(not answer.ok))
                    yield position, replace(answer, cached=answer.ok)

    def _keep(self, key: str, request: Request, answer: Completion) -> None:
        if answer.ok:
            self.unsaved[key] = (request, answer)
            self._save_unsaved()
        elif answer.finish_reason != "refused":
            self.store.put_failure(self.model, request, answer.error or "")

    def _save_unsaved(self) -> None:
        for key, (request, answer) in list(self.unsaved.items()):
            self.store.put(self.model, request, answer)
            self.unsaved.pop(key, None)

    def _count(self, hits: int = 0, failures: int = 0) -> None:
        with self._lock:
            self._own.cache_hits += hits
            self._own.failures += failures

    def _cacheable(self, request: Request) -> bool:
        if not getattr(self.llm, "cacheable", True):
            return False
        return request.temperature == 0 or request.seed is not None


class CacheOnly(Backend):
    """Stands where a model would: every question it gets is a miss.

    ``CachedLLM(CacheOnly("smollm2"), "answers.sqlite")`` reproduces an experiment
    from its stored answers, with no model and no server; the store may be opened
    with ``AnswerStore(path, read_only=True)``.

    Args:
        model (str): Identity of the model whose answers are stored.
    """

    def __init__(self, model: str) -> None:
        self.model = model
        self.usage = Usage()

    def __repr__(self) -> str:
        return f"CacheOnly('{self.model}')"

    def stream(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion]]:
        """Fail every request, saying which answer is missing."""
        for position, request in enumerate(requests):
            self.usage.failures += 1
            yield (
                position,
                Completion.refused(
                    f"no stored answer of '{self.model}' for template "
                    f"'{request.template}', node {request.node}; load the answers or "
                    "give a model to ask"
                ),
            )


def _stream(
    llm: LLM, requests: list[Request]
) -> Generator[tuple[int, Completion], None, None]:
    if not requests:
        return
    stream = getattr(llm, "stream", None)
    if stream is not None:
        yield from stream(requests)
        return
    for start in range(0, len(requests), _CHUNK):
        chunk = requests[start : start + _CHUNK]
        answers = llm.complete(chunk)
        if len(answers) != len(chunk):
            raise LLMError(
                f"{type(llm).__name__} gave {len(answers)} answers to {len(chunk)} "
                "requests"
            )
        yield from enumerate(answers, start=start)
