"""Readers of class names, with reasons or confidences.

They follow the rules of :mod:`graphllm.prompts.parse`; every name they return is
one of ``view.label_names``.
"""

import math
import re
from typing import Any, NamedTuple

from graphllm.prompts.answers import body, json_values, list_items
from graphllm.prompts.label_index import LabelIndex
from graphllm.prompts.parse import prose
from graphllm.prompts.template import NodeView, Parsed

#: Keys under which models put the class in a JSON object.
LABEL_KEYS = ("answer", "label", "category", "class", "name")
CONFIDENCE_KEYS = ("confidence", "score", "probability")

_STATEMENT = re.compile(
    r"\b(?:category|categories|labels?|answer|topic)\s*(?:is|are|:|=)\s*"
    r"(?P<names>[^\n]+)",
    re.IGNORECASE,
)
_SCORED = re.compile(
    r"^(?P<name>.+?)\s*[:=(,–—-]\s*(?P<score>-?\d{1,9}(?:\.\d{1,9})?)\s*%?\W*$"
)
_REASON = re.compile(r"\b(?:reasons?|because|explanation)\b\s*:?\s*", re.IGNORECASE)


class Explained(NamedTuple):
    """Class names, best first, and the reasons given for them."""

    labels: tuple[str, ...]
    reason: str


def ranked_labels(answer: str, view: NodeView) -> Parsed[tuple[str, ...]]:
    """Class names, best first, without repetitions.

    Read from a JSON list of names or of objects, from a numbered or bulleted list,
    from names with commas between them, or from a plain statement (``The category
    is X``). Entries that are no class names are dropped, except in first place:
    there the model's choice is unknown and the answer is not ok.
    """
    labels = _labels(body(answer), LabelIndex(view.label_names))
    return Parsed(labels or None, bool(labels), answer)


def explanation(answer: str, view: NodeView) -> Parsed[Explained]:
    """Class names on the first line, reasons on the following ones.

    ``Category:`` and ``Reason:`` in front are optional; the reason may follow on
    the same line after ``Reason:`` or ``because``. Not ok if either part is missing.
    """
    first, reason = _split_reason(body(answer))
    labels = _labels(first, LabelIndex(view.label_names))
    text = prose(reason, view).value
    if not labels or text is None:
        return Parsed(None, False, answer)
    return Parsed(Explained(labels, text), True, answer)


def label_confidences(
    answer: str, view: NodeView
) -> Parsed[tuple[tuple[str, float], ...]]:
    """Pairs of class name and confidence, most confident first.

    Read from a JSON list of objects such as ``{"answer": "X", "confidence": 70}``,
    a JSON object from names to numbers, or lines such as ``X: 70%``. Confidences
    are clamped to [0, 100] and neither rescaled nor made to sum to 100; of a class
    named twice the higher one counts. Entries without a finite number are dropped.
    Not ok if nothing is left, or if the highest confidence goes to something that
    is no class.
    """
    text = body(answer)
    index = LabelIndex(view.label_names)
    pairs = [(index.find(name), score) for name, score in _scored(text)]
    pairs.sort(key=lambda pair: -pair[1])
    if not pairs or pairs[0][0] is None:
        return Parsed(None, False, answer)
    found: dict[str, float] = {}
    for label, score in pairs:
        if label is not None:
            found.setdefault(label, min(100.0, max(0.0, score)))
    return Parsed(tuple(found.items()), True, answer)


def _labels(text: str, index: LabelIndex) -> tuple[str, ...]:
    found = _json_labels(text, index)
    found = found or [index.find_leading(item) for item in list_items(text)]
    if not found:
        lines = (line.strip() for line in text.splitlines())
        kept = [line for line in lines if line and not line.endswith(":")]
        found = [name for line in kept for name in _line_labels(line, index)]
    if not found or found[0] is None:
        return ()
    return tuple(dict.fromkeys(name for name in found if name is not None))


def _json_labels(text: str, index: LabelIndex) -> list[str | None]:
    for value in json_values(text):
        entries: list[Any] = []
        for entry in value if isinstance(value, list) else [value]:
            named = _named(entry) if isinstance(entry, dict) else entry
            entries.extend(named if isinstance(named, list) else [named])
        if entries:
            return [index.find(e) if isinstance(e, str) else None for e in entries]
    return []


def _line_labels(line: str, index: LabelIndex) -> list[str | None]:
    bare = line.strip("[] ")
    leading = index.find_leading(bare)
    if leading is not None:
        return [leading]
    found = index.split(bare)
    if found and found[0] is not None:
        return found
    statement = _STATEMENT.search(line)
    if statement is None:
        return [None]
    leading = index.find_leading(statement["names"])
    return index.split(statement["names"]) if leading is None else [leading]


def _split_reason(text: str) -> tuple[str, str]:
    first, _, rest = text.partition("\n")
    marked = _REASON.search(first)
    if marked:
        return first[: marked.start()], f"{first[marked.end() :]} {rest}"
    return first, _REASON.sub("", rest, count=1) if _opens(rest) else rest


def _opens(text: str) -> bool:
    marked = _REASON.search(text)
    return marked is not None and not text[: marked.start()].strip("*# \n")


def _scored(text: str) -> list[tuple[str, float]]:
    for value in json_values(text):
        pairs = [
            (name, score)
            for entry in (value if isinstance(value, list) else [value])
            if isinstance(entry, dict)
            for name, score in _scored_object(entry)
        ]
        if pairs:
            return pairs
    lines = list_items(text) or text.splitlines()
    parts = [part for line in lines for part in re.split(r";|(?<=[\d%)]),\s", line)]
    matches = [_SCORED.match(part.strip()) for part in parts]
    return [(m["name"], float(m["score"])) for m in matches if m]


def _scored_object(entry: dict[str, Any]) -> list[tuple[str, float]]:
    name = _named(entry)
    given: dict[str, Any] = entry
    if isinstance(name, str):
        given = {name: next((entry[k] for k in CONFIDENCE_KEYS if k in entry), None)}
    numbers = [(key, _number(value)) for key, value in given.items()]
    return [(key, number) for key, number in numbers if number is not None]


def _named(entry: dict[str, Any]) -> Any:
    return next((entry[key] for key in LABEL_KEYS if key in entry), None)


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value.strip().rstrip("%"))
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None
