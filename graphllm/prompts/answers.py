"""The shapes in which language models wrap what was asked for."""

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

_FENCE = re.compile(r"^\s*```[\w-]*\s*\n(.*?)\n?\s*```\s*$", re.DOTALL)
_COURTESY = re.compile(
    r"^(?:sure|certainly|of course|absolutely|okay|ok|great)(?:\s+thing)?\s*[,.!:]+\s*",
    re.IGNORECASE,
)
_ANNOUNCEMENT = re.compile(
    r"^(?:here\s+(?:is|are)|here['’]s|below\s+(?:is|are)|the\s+following\s+(?:is|are))"
    r"\b[^:\n]{0,160}:\s*",
    re.IGNORECASE,
)
_REFUSAL = re.compile(
    r"^(?:i['’]?\s*a?m\s+(?:very\s+|really\s+)?(?:sorry|unable|not\s+able|afraid)"
    r"|(?:sorry|unfortunately|apologies)\b|i\s+apologi[sz]e"
    r"|as\s+an?\s+(?:ai|artificial|large\s+language|language\s+model)"
    r"|i\s+(?:can(?:no|['’])?t|can\s+not|could\s+not|do\s+not|don['’]t)\s+"
    r"(?:\w+\s+)?(?:assist|help|provide|answer|determine|have|see|find|access|fulfil)"
    r"|(?:please\s+(?:provide|share|give)|no\s+text\s+(?:was|is)))",
    re.IGNORECASE,
)
_BRACKET = re.compile(r"[\[{]")
_ITEM = re.compile(r"^\s*(?:\(?\d{1,3}[.):]|[-*•–])\s+(?=\S)")


def body(answer: str) -> str:
    """The answer without a code fence around it and without polite openings.

    Dropped from the start: ``Sure!`` and its kin, and one announcement that ends in
    a colon (``Here are the keywords:``), each only where something follows.
    """
    text = answer.strip()
    fenced = _FENCE.match(text)
    if fenced:
        text = fenced.group(1).strip()
    for opening in (_COURTESY, _ANNOUNCEMENT):
        rest = opening.sub("", text, count=1).strip()
        if rest:
            text = rest
    return text


def is_refusal(text: str) -> bool:
    """Whether a text opens like a model that declines."""
    return _REFUSAL.match(text.lstrip("\"'*# ")) is not None


def json_values(answer: str) -> Iterator[Any]:
    """Lists and objects that can be read from the answer, outermost first.

    The first thirty opening brackets are tried: some models fall into endless ones.
    """
    end = 0
    for match in islice(_BRACKET.finditer(answer), 30):
        if match.start() < end:
            continue
        try:
            value, end = json.JSONDecoder().raw_decode(answer, match.start())
        except (ValueError, RecursionError):
            continue
        yield value


def list_items(text: str) -> list[str]:
    """The entries of a numbered or bulleted list; empty if there is none."""
    lines = [line for line in text.splitlines() if _ITEM.match(line)]
    return [_ITEM.sub("", line, count=1).strip() for line in lines]


def strip_marks(text: str) -> str:
    """Without the quotes, emphasis and final stop around a word or phrase."""
    return text.strip().strip("\"'`*_“”‘’ \t").rstrip(".;,:!").strip("\"'`*“”‘’ ")
