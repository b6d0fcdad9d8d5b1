"""One stored answer: its columns, its line in an export, its damage."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from graphllm.errors import CacheError
from graphllm.llm.base import Completion, Request
from graphllm.llm.key import canonical, request_fields, request_from_fields, request_key

Row = tuple[str, float, str, str, str, str, str, int, int, float, str]
NAMES = (
    "key", "created", "model", "template", "request", "text", "finish_reason",
    "prompt_tokens", "completion_tokens", "seconds", "digest",
)  # fmt: skip


def read_export(path: str | Path) -> Iterator[Row]:
    """Read an exported file line by line, checking each.

    Raises:
        CacheError: With the line number, if a line is not an answer.
    """
    try:
        with Path(path).open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _parse_line(line, f"line {number} of '{path}'")
    except CacheError:  # an OSError too, but already says what is wrong
        raise
    except OSError as error:
        raise CacheError(f"cannot read '{path}' ({error.strerror})") from None
    except UnicodeDecodeError:
        raise CacheError(f"'{path}' is not UTF-8 text") from None


def _parse_line(line: str, where: str) -> Row:
    try:
        fields = json.loads(line)
        request = request_from_fields(fields["request"])
        answer = Completion(
            str(fields["text"]),
            finish_reason=str(fields["finish_reason"]),
            prompt_tokens=int(fields["prompt_tokens"]),
            completion_tokens=int(fields["completion_tokens"]),
            seconds=float(fields["seconds"]),
        )
        row = make_row(str(fields["model"]), request, answer, float(fields["created"]))
        given = (fields["key"], fields.get("digest", row[-1]))
    except (KeyError, TypeError, ValueError) as error:
        raise CacheError(f"{where} is not an exported answer ({error!r})") from None
    if not answer.text.strip():
        raise CacheError(f"{where} holds an empty answer")
    if given != (row[0], row[-1]):
        raise CacheError(f"{where}: key or text does not belong to the request")
    return row


def json_line(row: Row) -> str:
    """One line of an export: the columns by name, the request as an object."""
    fields = dict(zip(NAMES, row, strict=True))
    fields["request"] = json.loads(row[4])
    return json.dumps(fields) + "\n"


def make_row(model: str, request: Request, answer: Completion, created: float) -> Row:
    """The columns of an answer; key and digest are derived here."""
    text = clean(answer.text)
    return (
        request_key(model, request),
        created,
        model,
        request.template,
        canonical(request_fields(request)),
        text,
        answer.finish_reason,
        int(answer.prompt_tokens),
        int(answer.completion_tokens),
        float(answer.seconds),
        _digest(text),
    )


def damage(row: Row) -> str:
    """What is wrong with a stored row; empty when nothing is."""
    key, _, model, template, fields, text, *_, digest = row
    try:
        request = request_from_fields(json.loads(fields))
    except ValueError as error:
        return str(error)
    if request_key(model, request) != key or request.template != template:
        return "the key does not belong to the request"
    if not text.strip():
        return "the answer is empty"
    return "" if _digest(text) == digest else "the answer was changed"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def clean(text: str) -> str:
    """Text that has a UTF-8 form: half a surrogate pair becomes a question mark.

    A token limit can cut a character in two, and JSON can carry the first half.
    """
    return text.encode("utf-8", "replace").decode("utf-8")
