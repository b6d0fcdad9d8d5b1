"""Prompts that ask for classes by name. All of them are label-aware."""

from graphllm.prompts.enrich import join_words
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
    return ", ".join(name for name, _ in value)


RANK_LABELS = Template(
    name="rank_labels",
    version=1,
    system="You sort texts into given categories.",
    user=_QUESTION + "Answer with {form}.",
    parser=ranked_labels,
    to_text=join_words,
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
    label_aware=True,
    max_new_tokens=96,
    form='a JSON list of at most 3 entries such as {{"answer": "category name", '
    '"confidence": 0 to 100}}, best first, confidences adding up to 100',
)

TEMPLATES = (EXPLAIN, RANK_LABELS, RANK_WITH_CONFIDENCE)
