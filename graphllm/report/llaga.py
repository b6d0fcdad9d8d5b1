"""LLaGA on a page: how the projector was trained, and what answers rest on."""

from collections.abc import Mapping
from typing import Any

from graphllm.evaluate import Result
from graphllm.report.explained import drawings, entries_of
from graphllm.report.html import Safe, breakable, pairs, section, table, tag
from graphllm.report.numbers import duration, fields, finite, plain_number

MAX_CARDS = 8


def training_section(result: Result) -> Safe:
    """When each training was at its best, and how fast it was."""
    rows = []
    for arm, facts in fields(result.details.get("training")).items():
        kept = fields(facts)
        if kept:
            rows.append(
                [
                    breakable(str(arm)),
                    plain_number(kept.get("epoch")),
                    plain_number(kept.get("step")),
                    duration(kept.get("seconds")),
                    plain_number(kept.get("samples_per_s")),
                ]
            )
    if not rows:
        return Safe()
    header = ["arm", "best epoch", "steps", "time", "questions a second"]
    parts: list[str] = [table(header, rows)]
    parts.append(
        tag(
            "p",
            "First seed. The weights are those of the best epoch on the validation "
            "questions. The time is that of the steps, validation apart.",
            class_="note",
        )
    )
    folders = fields(result.details.get("checkpoints"))
    if folders:
        parts.append(tag("h3", "Checkpoints, beside this page"))
        parts.append(pairs((str(arm), str(name)) for arm, name in folders.items()))
    return section("Training the projector", *parts)


def explanations_section(result: Result) -> Safe:
    """Some answers, and the graph tokens that speak for and against them."""
    found = result.details.get("explanations")
    told = found if isinstance(found, list | tuple) else []
    cards = [_card(each) for each in told if isinstance(each, Mapping)]
    cards = [card for card in cards if card][:MAX_CARDS]
    if not cards:
        return Safe()
    return section(
        "What answers rest on",
        tag(
            "p",
            tag("span", class_="dot method"),
            "speaks for the answer\u2003",
            tag("span", class_="dot control"),
            "speaks against it",
            class_="note",
        ),
        tag(
            "p",
            "The surest right and the surest wrong answers to test questions. The part "
            "of a token is the product of its vector and the gradient there: about how "
            "much of the answer's log-odds goes with it. The larger and fuller "
            "a disc, the larger its part, relative to the strongest of the question.",
            class_="note",
        ),
        *cards,
    )


def _card(told: Mapping[str, Any]) -> Safe:
    entries = entries_of(told)
    if not entries:
        return Safe()
    texts = fields(told.get("texts"))
    found = told.get("items")
    ids = found if isinstance(found, list | tuple) else []
    items = [each for each in ids if isinstance(each, int)]
    answer, truth = str(told.get("answer")), str(told.get("truth"))
    right = answer == truth
    word, kind = ("right", "better") if right else ("wrong", "worse")
    said = f"answer: {answer}"
    probability = finite(told.get("probability"))
    if probability is not None:
        said += f" ({100 * probability:.0f} % among the candidates)"
    if not right:
        said += f" · truth: {truth}"
    names = " and ".join(f"node {item}" for item in items) or "a question"
    if told.get("graph") is not None:
        names += f" of {told['graph']}"
    own = [
        tag(
            "div",
            tag("div", f"text of node {item}", class_="label"),
            tag("div", str(texts.get(str(item)) or "(empty)"), class_="text"),
        )
        for item in items
    ]
    return tag(
        "div",
        tag("h3", names, tag("span", word, class_=f"tag {kind}")),
        tag("div", said, class_="label"),
        tag("div", *own, class_="pair"),
        drawings(told, entries, texts),
        class_="example",
    )
