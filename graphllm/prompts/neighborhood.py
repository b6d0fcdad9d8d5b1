"""Prompts that set a node against its neighbours."""

from graphllm.prompts.parse import neighbor_numbers, prose
from graphllm.prompts.template import Template

_BOTH = 'Text of one {item}: "{text}"\n\nOther {items} {relation}:\n{neighbors}\n\n'


def _no_words(value: object) -> str:
    return ""


NEIGHBOR_SUMMARY = Template(
    name="neighbor_summary",
    version=1,
    system="",
    user=_BOTH
    + "In two short sentences, say which {field} these {items} share and how "
    "the first {item} relates to the others.",
    parser=prose,
    needs_neighbors=True,
    max_new_tokens=64,
    form="two short sentences about what the {items} share",
)

NEIGHBOR_SUMMARY_LABELS = Template(
    name="neighbor_summary_labels",
    version=1,
    system="",
    user="Possible categories: {labels}\n\n"
    + _BOTH
    + "In two short sentences, say what "
    "these {items} share and which categories that speaks for.",
    parser=prose,
    label_aware=True,
    needs_neighbors=True,
    max_new_tokens=64,
    form="two short sentences about what the {items} share",
)

NEIGHBOR_CONTRAST = Template(
    name="neighbor_contrast",
    version=1,
    system="",
    user=_BOTH + "In two short sentences, say what the first {item} is about that the "
    "others are not.",
    parser=prose,
    needs_neighbors=True,
    max_new_tokens=64,
    form="two short sentences about what is special to the first {item}",
)

RELEVANCE_FILTER = Template(
    name="relevance_filter",
    version=1,
    system="",
    user=_BOTH + "Which of the numbered {items} are about the same {field} as the "
    "first {item}? Answer with {form}.",
    parser=neighbor_numbers,
    # The answer chooses neighbours; it adds no words to the node.
    to_text=_no_words,
    enriches=False,
    needs_neighbors=True,
    max_new_tokens=24,
    form="a JSON list of their numbers, such as [1, 3], or [] for none",
)

TEMPLATES = (
    NEIGHBOR_CONTRAST,
    NEIGHBOR_SUMMARY,
    NEIGHBOR_SUMMARY_LABELS,
    RELEVANCE_FILTER,
)
