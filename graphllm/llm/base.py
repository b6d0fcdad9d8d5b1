"""What every language model backend speaks: requests in, completions out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable


@dataclass(frozen=True)
class Message:
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Request:
    """One question to a language model.

    Two requests that differ in any field but ``node`` are different questions and
    have different cache keys. ``node`` is information only: the same text asked
    for two nodes is asked once.

    Args:
        messages (tuple[Message, ...]): The chat, in order.
        max_new_tokens (int): Upper limit of the answer, in tokens.
        temperature (float): ``0.0`` is greedy decoding.
        top_p (float): Nucleus sampling mass, in (0, 1].
        seed (int, optional): Seed of a sampled answer; part of the key.
        stop (tuple[str, ...]): Strings that end the answer.
        template (str): Which prompt made this, as ``"expand@1"``; part of the key.
        node (int, optional): The node asked about; not part of the key.
    """

    messages: tuple[Message, ...]
    max_new_tokens: int = 128
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    template: str = ""
    node: int | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Completion:
    """One answer, or the reason why there is none.

    A failed request is a value, not an exception: ``error`` says what happened
    and the other requests of the batch go on.

    Args:
        text (str): The answer; empty when it failed.
        error (str, optional): What went wrong, in one line.
        finish_reason (str): ``"stop"``, ``"length"``, ``"error"``, or
            ``"refused"`` when nothing was asked (spending limit, no such answer).
        prompt_tokens (int): Tokens read, as the backend counts them.
        completion_tokens (int): Tokens written.
        seconds (float): Wall time of this answer, where it can be told.
        cached (bool): Whether the answer came from a cache or a replay file.
    """

    text: str
    error: str | None = None
    finish_reason: str = "stop"
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    cached: bool = False

    @property
    def ok(self) -> bool:
        """Whether there is an answer."""
        return self.error is None

    @classmethod
    def failed(cls, error: str, *, prompt_tokens: int = 0) -> "Completion":
        """A completion that carries an error."""
        return cls("", error=error, finish_reason="error", prompt_tokens=prompt_tokens)

    @classmethod
    def refused(cls, error: str) -> "Completion":
        """A request that never reached a model; a cache keeps no record of it."""
        return cls("", error=error, finish_reason="refused")


@runtime_checkable
class LLM(Protocol):
    """A language model: one method, batch first.

    ``complete`` returns one completion a request, in the order of the requests,
    and never raises because of a single request. It raises
    :class:`~graphllm.errors.LLMError` when no request can succeed (server down,
    key refused).
    """

    def complete(self, requests: Sequence[Request]) -> list[Completion]:
        """Answer every request, in order."""
        ...


class Backend:
    """Base of the backends: answers arrive one by one, callers may want a list.

    Subclasses set ``model`` (the identity that a cache keys on: name and
    revision) and write :meth:`stream`. Yielding each answer as soon as it exists
    is what lets a cache commit it before the next one is computed.

    ``cacheable`` is false where the answer depends on more than the request, as
    with answers looked up by node.
    """

    model: str
    cacheable: bool = True

    def stream(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion]]:
        """Yield ``(position, completion)`` as answers arrive, in any order."""
        raise NotImplementedError

    def complete(self, requests: Sequence[Request]) -> list[Completion]:
        """Answer every request, in the order of the requests."""
        answers: dict[int, Completion] = dict(self.stream(requests))
        return [answers[position] for position in range(len(requests))]

    def count_tokens(self, text: str) -> int:
        """Tokens of ``text``; backends with a tokenizer at hand count exactly.

        The fallback of four characters a token is the usual estimate for English.
        """
        return (len(text) + 3) // 4
