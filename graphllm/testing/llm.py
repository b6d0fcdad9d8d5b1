"""A language model that says what it was told to, and the contract of all of them."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from graphllm.llm import LLM, Backend, Completion, Message, Request, Usage


class ScriptedLLM(Backend):
    """Answers from a script, for tests.

    Args:
        answers (Sequence[str] or Callable): One answer a call in the order asked, or
            a function of the request. When a sequence is used up, requests fail.
        fail (Callable, optional): Function of the request that returns an error, or
            ``None`` where the request shall succeed.
        model (str, optional): Identity. (default: ``"scripted"``)

    Every request is kept in ``calls``.

    Example::

        llm = ScriptedLLM(lambda request: request.messages[-1].content.upper())
    """

    def __init__(
        self,
        answers: Sequence[str] | Callable[[Request], str],
        *,
        fail: Callable[[Request], str | None] | None = None,
        model: str = "scripted",
    ) -> None:
        self.model = model
        self.calls: list[Request] = []
        self.usage = Usage()
        self._fail = fail
        self._script = None if callable(answers) else iter(answers)
        self._function = answers if callable(answers) else None
        self._lock = threading.Lock()

    def stream(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion]]:
        """Yield the scripted answers in order."""
        for position, request in enumerate(requests):
            with self._lock:
                answer = self._next(request)
            yield position, answer

    def count_tokens(self, text: str) -> int:
        """One token a word."""
        return len(text.split())

    def _next(self, request: Request) -> Completion:
        self.calls.append(request)
        self.usage.calls += 1
        error = self._fail(request) if self._fail else None
        text = ""
        if error is None:
            if self._function is not None:
                text = self._function(request)
            elif (line := next(self._script or iter(()), None)) is not None:
                text = line
            else:
                error = f"the script ended before call {len(self.calls)}"
        read = sum(self.count_tokens(turn.content) for turn in request.messages)
        self.usage.prompt_tokens += read
        if error is not None:
            self.usage.failures += 1
            return Completion.failed(error, prompt_tokens=read)
        written = self.count_tokens(text)
        self.usage.completion_tokens += written
        return Completion(text, prompt_tokens=read, completion_tokens=written)


PROMPTS = (
    "Name one colour.",
    "Nenne drei Flüsse: Elbe, Oder, …?",
    "量子コンピュータとは何ですか",
    "What is a graph neural network? 🧠",
    "مرحبا, what does this word mean?",
)


def assert_llm(
    llm: LLM, *, bad: Request | None = None, max_new_tokens: int = 16
) -> None:
    """Check that an object keeps the contract of a language model.

    One completion a request in the order of the requests, whatever their order and
    number; greedy answers do not depend on the batch; equal requests get equal
    answers; any script of the world passes; a failed request is a value that says
    why in one line; and what was asked is counted in ``usage``.

    Args:
        llm (LLM): The model.
        bad (Request, optional): A request that must fail; it is put between two
            that must not.
        max_new_tokens (int, optional): Limit of each answer. (default: :obj:`16`)

    Raises:
        AssertionError: If the contract is broken.
    """
    requests = [
        Request((Message("user", prompt),), max_new_tokens=max_new_tokens, node=node)
        for node, prompt in enumerate(PROMPTS)
    ]
    assert isinstance(llm, LLM), "an LLM has a method 'complete'"
    name = getattr(llm, "model", "")
    assert isinstance(name, str), "'model' must be a string"
    assert name, "'model' must name the model"
    assert llm.complete([]) == [], "no requests, no answers"
    before = _seen(llm)
    batch = llm.complete(requests)
    assert _seen(llm) - before >= len(requests), "usage must count every request"
    assert len(batch) == len(requests), "one completion a request"
    for answer in batch:
        _check(answer, max_new_tokens)
    texts = [answer.text for answer in batch]
    singles = [llm.complete([request])[0].text for request in requests]
    assert singles == texts, "a greedy answer must not depend on its batch"
    turned = [answer.text for answer in llm.complete(requests[::-1])]
    assert turned[::-1] == texts, "answers must be in the order of the requests"
    twice = llm.complete([requests[0], requests[1], replace(requests[0], node=9)])
    assert twice[0].text == twice[2].text == texts[0], "equal requests, equal answers"
    if bad is not None:
        good, failed, also_good = llm.complete([requests[0], bad, requests[1]])
        assert [good.text, also_good.text] == texts[:2], "a failure must stay alone"
        assert not failed.ok, "the bad request must fail"
        _check(failed, max_new_tokens)


def _check(answer: Completion, max_new_tokens: int) -> None:
    assert isinstance(answer, Completion), "answers are completions"
    answer.text.encode("utf-8")
    assert answer.prompt_tokens >= 0, "prompt tokens must not be negative"
    assert 0 <= answer.completion_tokens <= max_new_tokens, "token limit broken"
    assert answer.seconds >= 0, "time must not be negative"
    if answer.ok:
        assert answer.text.strip(), "an empty answer is a failure"
        assert answer.finish_reason in ("stop", "length"), "unknown finish reason"
    else:
        assert answer.error, "a failure says why"
        assert "\n" not in answer.error, "an error is one line"
        assert answer.text == "", "a failed request has no answer"
        assert answer.finish_reason in ("error", "refused"), "unknown finish reason"


def _seen(llm: LLM) -> int:
    usage: Usage = getattr(llm, "usage", None) or Usage()
    return usage.calls + usage.cache_hits + usage.failures
