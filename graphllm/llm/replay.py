"""Answers that came with a paper, in the place of the model that gave them."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from graphllm.errors import LLMError
from graphllm.llm.base import Backend, Completion, Request
from graphllm.llm.key import request_from_fields, request_key
from graphllm.llm.usage import Stopwatch, Usage


class ReplayLLM(Backend):
    """Answers from a file of JSON lines; no model is asked.

    Two kinds of lines, one kind a file:

    * ``{"id": 3, "labels": ["A", "B"]}`` or ``{"id": 3, "text": "..."}`` (also
      ``"answer"``): the answer to any request about node 3. Labels are given as a
      JSON list, the form that ranking prompts ask for.
    * what :meth:`AnswerStore.export` writes: the answer to the very same question,
      whichever model it is asked of.

    A request without an answer in the file fails and says so. Answers by node depend
    on more than the request, so :class:`~graphllm.llm.CachedLLM` passes them through
    and stores nothing.

    Args:
        path (str or Path): The file. ``model`` becomes ``"replay:NAME:HASH"``, so a
            changed file is another model.

    Raises:
        LLMError: If the file cannot be read, or with the line number where a line
            is of neither kind or contradicts another.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser()
        try:
            content = self.path.read_bytes()
            lines = content.decode("utf-8").split("\n")
        except OSError as error:
            raise LLMError(
                f"cannot read the answers in '{path}' ({error.strerror})"
            ) from None
        except UnicodeDecodeError:
            raise LLMError(f"the answers in '{path}' are not UTF-8 text") from None
        digest = hashlib.sha256(content).hexdigest()[:12]
        self.model = f"replay:{self.path.name}:{digest}"
        self.usage = Usage()
        self._answers: dict[int | str, Completion] = {}
        for number, line in enumerate(lines, start=1):
            if line.strip():
                self._add(line, f"line {number} of '{path}'")
        kinds = {type(name) for name in self._answers}
        if len(kinds) != 1:
            what = "both kinds of lines" if kinds else "no answers"
            raise LLMError(f"'{path}' holds {what}; it must hold one kind")
        self._by_node = kinds == {int}
        self.cacheable = False

    def __repr__(self) -> str:
        return f"ReplayLLM('{self.path}')"

    def __len__(self) -> int:
        return len(self._answers)

    def complete(self, requests: Sequence[Request]) -> list[Completion]:
        """Answer every request, in order."""
        with Stopwatch(self.usage):
            return super().complete(requests)

    def stream(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion]]:
        """Yield the answer of each request, or the reason why there is none."""
        for position, request in enumerate(requests):
            answer = self.find(request)
            if answer is None:
                self.usage.failures += 1
                what = f"node {request.node}" if self._by_node else "this question"
                answer = Completion.refused(
                    f"'{self.path.name}' holds no answer for {what}"
                )
            else:
                self.usage.cache_hits += 1
            yield position, answer

    def find(self, request: Request) -> Completion | None:
        """The answer the file holds for a request, if any."""
        if not self._by_node:
            return self._answers.get(request_key("", request))
        return None if request.node is None else self._answers.get(int(request.node))

    def _add(self, line: str, where: str) -> None:
        try:
            fields = json.loads(line)
            name, text = _read_fields(fields)
        except (KeyError, TypeError, ValueError) as error:
            raise LLMError(
                f"{where} is neither an answer by node nor an exported answer "
                f"({error!r})"
            ) from None
        if not text.strip():
            return  # nothing was answered: a miss, not an empty answer
        answer = Completion(text, cached=True)
        if self._answers.setdefault(name, answer) != answer:
            raise LLMError(
                f"{where} gives another answer to the question of an earlier line; "
                "keep one model and one answer a question"
            )


def _read_fields(fields: dict[str, Any]) -> tuple[int | str, str]:
    if "request" in fields:
        request = request_from_fields(fields["request"])
        # The model that answered is not the model asked now: keyed without one.
        return request_key("", request), str(fields["text"])
    node = fields["id"]
    if not isinstance(node, int) or isinstance(node, bool):
        raise TypeError(f"'id' must be a node number, got {node!r}")
    if "labels" in fields:
        labels = fields["labels"]
        if not isinstance(labels, list):
            raise TypeError("'labels' must be a list")
        return node, json.dumps(labels, ensure_ascii=False) if labels else ""
    text = fields["text"] if "text" in fields else fields["answer"]
    if not isinstance(text, str):
        raise TypeError("the answer must be text")
    return node, text
