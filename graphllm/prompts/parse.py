"""Readers of answers: tolerant of the wrapping, strict about the content.

Each takes ``(answer, view)`` and returns :class:`~graphllm.prompts.Parsed`. What
cannot be read is ``ok=False``; no reader fills a gap. Readers of class names are in
:mod:`graphllm.prompts.parse_labels`.
"""

import re
from typing import Any

from graphllm.prompts.answers import (
    body,
    is_refusal,
    json_values,
    list_items,
    strip_marks,
)
from graphllm.prompts.template import NodeView, Parsed

MAX_KEYWORDS = 24
MAX_WORDS_A_KEYWORD = 6

_LETTER = re.compile(r"[^\W\d_]")
# Nothing but numbers and the words that surround a list of them.
_ONLY_NUMBERS = re.compile(
    r"(?:numbers?|neighbou?rs?|relevant|answer|and|are|is|the|[\d\s,;:.#&])+",
    re.IGNORECASE,
)


def prose(answer: str, view: NodeView) -> Parsed[str]:
    """Free text on one line.

    A code fence, a polite opening (``Sure!``) and one announcement (``Here is the
    summary:``) are dropped, quotes around the whole too, and white space is
    collapsed. Empty answers and refusals are not ok, nor is text without a letter.
    """
    text = " ".join(body(answer).split())
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].strip()
    if is_refusal(text) or not _LETTER.search(text):
        return Parsed(None, False, answer)
    return Parsed(text, True, answer)


def keyword_list(answer: str, view: NodeView) -> Parsed[tuple[str, ...]]:
    """Keywords from a JSON list, a numbered or bulleted list, commas or lines.

    Of a list entry ``yeast: a fungus`` what stands before the colon is kept, of a
    line ``Keywords: yeast, dough`` what follows it. Repetitions (in any case) and
    entries of more than six words are dropped; at most 24 are kept. Not ok if none
    is left.
    """
    text = body(answer)
    if is_refusal(text):
        return Parsed(None, False, answer)
    entries = _first_list(text)
    if not entries:
        # "1. yeast: a fungus" explains a keyword, "Keywords: yeast" announces some.
        glossed = [item.partition(": ")[0] for item in list_items(text)]
        bare = [line.rpartition(": ")[2] for line in text.splitlines()]
        entries = [part for line in glossed or bare for part in re.split(r"[,;]", line)]
    kept: dict[str, str] = {}
    for entry in entries:
        keyword = " ".join(strip_marks(entry.strip("[] ")).split())
        if _LETTER.search(keyword) and len(keyword.split()) <= MAX_WORDS_A_KEYWORD:
            kept.setdefault(keyword.casefold(), keyword)
    keywords = tuple(kept.values())[:MAX_KEYWORDS]
    return Parsed(keywords or None, bool(keywords), answer)


def neighbor_numbers(answer: str, view: NodeView) -> Parsed[tuple[int, ...]]:
    """Numbers of the neighbours chosen, from 1 to k, ascending.

    Read from a JSON list, a list of two or more lines that each hold a number, or
    an answer of nothing but numbers and the words around a list of them. An empty
    list and ``none`` are valid: no neighbour was chosen. Numbers out of range are
    dropped; not ok if only such are given.
    """
    given = _given_numbers(body(answer))
    if given is None:
        return Parsed(None, False, answer)
    numbers = {number for entry in given if (number := _whole(entry)) is not None}
    kept = tuple(sorted(n for n in numbers if 1 <= n <= len(view.neighbors)))
    if given and not kept:
        return Parsed(None, False, answer)
    return Parsed(kept, True, answer)


def _first_list(text: str) -> list[str]:
    for value in json_values(text):
        if isinstance(value, list):
            return [entry for entry in value if isinstance(entry, str)]
    # A list that the token limit cut off: its finished strings are still readable.
    if text.startswith("["):
        return re.findall(r'"([^"\\\n]*)"', text)
    return []


def _given_numbers(text: str) -> list[Any] | None:
    if re.fullmatch(r"\W*none\W*", text, re.IGNORECASE):
        return []
    for value in json_values(text):
        if isinstance(value, list):
            return value
    items = list_items(text)
    if len(items) > 1:
        bare = [strip_marks(item) for item in items]
        return list(bare) if all(item.isdecimal() for item in bare) else None
    if not items and _ONLY_NUMBERS.fullmatch(text):
        return re.findall(r"\d+", text) or None
    return None


def _whole(value: Any) -> int | None:
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 10:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return None
