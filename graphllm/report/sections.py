"""The parts of a report below its arms: cost, time, answers, examples, set-up."""

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from graphllm.evaluate import Result
from graphllm.report.html import Safe, breakable, pairs, section, tag
from graphllm.report.numbers import (
    MISSING,
    duration,
    fields,
    finite,
    plain_number,
    total_seconds,
)

MAX_EXAMPLES = 5
MAX_TEXT = 4000

_USAGE = {
    "calls": "Calls to the model",
    "cache_hits": "Answered from the cache",
    "prompt_tokens": "Prompt tokens",
    "completion_tokens": "Completion tokens",
    "failures": "Failed requests",
    "cost": "Cost",
    "wall_s": "Time in the model",
}
_ANSWERS = {
    "asked": "Questions asked",
    "parsed": "Answers understood",
    "unparsed": "Answers not understood",
    "failed": "No answer",
    "label_mentions": "Answers that name a class",
    "cosine_to_text": "Mean cosine similarity of answer and text",
}


def usage_section(result: Result) -> Safe:
    """What the language model was asked and what it cost."""
    parts: list[str] = []
    if result.usage:
        rows = [
            (
                _USAGE.get(name, name),
                duration(value) if name.endswith("_s") else _number_or_text(value),
            )
            for name, value in result.usage.items()
        ]
        parts.append(pairs(rows))
    answers = fields(result.details.get("answers"))
    if answers:
        rows = [(_ANSWERS.get(k, str(k)), _answer(k, v)) for k, v in answers.items()]
        parts += [tag("h3", "Answers"), pairs(rows)]
    return section("Language model: usage and cost", *parts)


def _answer(name: str, value: object) -> str:
    number = finite(value)
    if name == "label_mentions" and number is not None:
        return f"{100 * number:.1f} %"
    return _number_or_text(value)


def timing_section(result: Result) -> Safe:
    """Seconds a stage, as bars."""
    stages = {
        name: seconds
        for name, seconds in ((k, finite(v)) for k, v in result.timing.items())
        if seconds is not None and name != "total"
    }
    total = total_seconds(result.timing)
    if not stages or total is None:
        return Safe()
    longest = max(*stages.values(), 1e-9)
    cells: list[str] = []
    for name, seconds in stages.items():
        fill = tag(
            "div",
            class_="fill",
            style=f"width:{max(0.0, 100 * seconds / longest):.1f}%",
        )
        cells += [
            tag("div", name, class_="name"),
            tag("div", fill, class_="track"),
            tag("div", duration(seconds), class_="amount"),
        ]
    return section(
        "Where the time went",
        tag("div", *cells, class_="bars"),
        tag("p", f"In all: {duration(total)}.", class_="note"),
    )


def examples_section(result: Result) -> Safe:
    """A node's text before, and what the language model made of it."""
    cards = [_example(example) for example in _mappings(result.details.get("examples"))]
    return section("Examples: before and after", *cards[:MAX_EXAMPLES])


def _example(example: Mapping[str, Any]) -> Safe:
    name = str(example.get("name") or f"node {example.get('node', MISSING)}")
    facts = [f"node {example['node']}"] if "node" in example else []
    if example.get("label") is not None:
        facts.append(f"class: {example['label']}")
    kept = example.get("neighbors_kept")
    if kept is not None:
        facts.append(f"neighbours kept: {_inline(kept)}")
    answers = _mappings(example.get("answers"))
    after: list[str] = []
    for answer in answers:
        after += [_answer_head(answer), _text_box(answer.get("raw"))]
    if not answers:
        after.append(tag("p", "no answer", class_="label"))
    return tag(
        "div",
        tag("h3", name),
        tag("div", " · ".join(facts), class_="label"),
        tag(
            "div",
            tag(
                "div",
                tag("div", "text of the node", class_="label"),
                _text_box(example.get("text")),
            ),
            tag("div", *after),
            class_="pair",
        ),
        class_="example",
    )


def _mappings(values: object) -> list[Mapping[str, Any]]:
    entries = values if isinstance(values, list | tuple) else []
    return [entry for entry in entries if isinstance(entry, Mapping)]


def _answer_head(answer: Mapping[str, Any]) -> Safe:
    ok = answer.get("ok")
    mark = Safe()
    if ok is not None:
        word, kind = ("understood", "better") if ok else ("not understood", "worse")
        mark = tag("span", word, class_=f"tag {kind}")
    return tag(
        "div", f"answer to {answer.get('template', 'prompt')}", mark, class_="label"
    )


def _text_box(text: object) -> Safe:
    shown = "" if text is None else str(text)
    if len(shown) > MAX_TEXT:
        left = len(shown) - MAX_TEXT
        shown = f"{shown[:MAX_TEXT]}… ({left:,} more characters, see result.json)"
    return tag("div", shown or "(empty)", class_="text")


def notes_section(result: Result) -> Safe:
    """What each arm is for; arms ``NAME@...`` share the note of the first of them."""
    notes: dict[str, str] = {}
    for arm, note in fields(result.details.get("arm_notes")).items():
        notes.setdefault(str(arm).partition("@")[0], str(note))
    parts = [
        part
        for name, note in notes.items()
        if note
        for part in (tag("dt", breakable(name)), tag("dd", note))
    ]
    if not parts:
        return Safe()
    return section("What each arm is for", tag("dl", *parts, class_="notes"))


def setup_section(result: Result) -> Safe:
    """The command to repeat the run, its arguments and its surroundings."""
    blocks: list[str] = []
    command = command_of(result)
    if command:
        blocks += [tag("p", "To run this again:"), tag("pre", command)]
    for title, values in (
        ("Configuration", result.config),
        ("Environment", result.environment),
        ("Data set", {**result.dataset, "split": result.split, "seeds": result.seeds}),
    ):
        if values:
            rows = [(name, _inline(value)) for name, value in _flat(values)]
            blocks.append(tag("details", tag("summary", title), pairs(rows)))
    return section("Set-up", *blocks)


def command_of(result: Result) -> str:
    """The command line that made a result, where the run recorded one."""
    recorded = result.config.get("command") or ""
    return (
        shlex.join(map(str, recorded)) if isinstance(recorded, list) else str(recorded)
    )


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _inline(value: object) -> str:
    if value is None:
        return MISSING
    if isinstance(value, list | tuple):
        return ", ".join(map(_inline, value)) or MISSING
    return re.sub(r"\s+", " ", str(value)) or MISSING


def _number_or_text(value: object) -> str:
    return _inline(value) if finite(value) is None else plain_number(value)
