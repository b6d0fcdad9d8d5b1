"""Prompts that ask for classes by name. All of them are label-aware."""

from graphllm.prompts.enrich import join_words, readable
from graphllm.prompts.parse_labels import (
    Explained,
    explanation,
    label_confidences,
    ranked_labels,
)
from graphllm.prompts.template import Template

_QUESTION = (
    'Categories: {labels}\n\nText of one {item}: "{text}"\n\n'
    "Which of the categories fit this {item} best? "
)


def _reason(value: object) -> str:
    assert isinstance(value, Explained)
    return f"{join_words(value.labels)}. {value.reason}"


def _names(value: object) -> str:
    assert isinstance(value, tuple)
    return join_words(tuple(name for name, _ in value))


def _halving(value: object) -> list[tuple[str, float]]:
    # Every place counts half of the one before it.
    assert isinstance(value, tuple)
    return [(readable(name), 0.5**place) for place, name in enumerate(value)]


def _confident(value: object) -> list[tuple[str, float]]:
    assert isinstance(value, tuple)
    # A class given 0 keeps a trace, so that an answer of zeros is still an answer.
    return [(readable(name), max(score, 1.0)) for name, score in value]


RANK_LABELS = Template(
    name="rank_labels",
    version=1,
    system="You sort texts into given categories.",
    user=_QUESTION + "Answer with {form}.",
    parser=ranked_labels,
    to_text=join_words,
    weigh=_halving,
    label_aware=True,
    max_new_tokens=48,
    form="a JSON list of at most 3 category names, best first",
)

EXPLAIN = Template(
    name="explain",
    version=1,
    system="You sort texts into given categories.",
    user=_QUESTION + "Answer in two lines: {form}.",
    parser=explanation,
    to_text=_reason,
    label_aware=True,
    max_new_tokens=96,
    form="'Category:' with one category name, then 'Reason:' with what in the text "
    "speaks for it",
)

RANK_WITH_CONFIDENCE = Template(
    name="rank_with_confidence",
    version=1,
    system="You sort texts into given categories.",
    user=_QUESTION + "Answer with {form}.",
    parser=label_confidences,
    to_text=_names,
    weigh=_confident,
    label_aware=True,
    max_new_tokens=96,
    form='a JSON list of at most 3 entries such as {{"answer": "category name", '
    '"confidence": 0 to 100}}, best first, confidences adding up to 100',
)

TEMPLATES = (EXPLAIN, RANK_LABELS, RANK_WITH_CONFIDENCE)
