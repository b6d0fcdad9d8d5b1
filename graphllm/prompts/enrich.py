"""Prompts that add knowledge to the text of one node."""

from graphllm.prompts.parse import keyword_list, prose
from graphllm.prompts.template import Template

_TEXT = 'Text of one {item}: "{text}"\n\n'
_CLASSES = "Possible categories: {labels}\n\n"


def readable(name: str) -> str:
    """A class name as an encoder should read it: ``Neural_Networks`` in two words."""
    return name.replace("_", " ")


def join_words(value: object) -> str:
    """Keywords or class names as running text."""
    assert isinstance(value, tuple)
    return ", ".join(readable(str(entry)) for entry in value)


EXPAND = Template(
    name="expand",
    version=1,
    system="",
    user=_TEXT
    # Asked first, the area draws topical words out of very small models too; asked
    # to explain at once, they tell the text again.
    + "Which {field} does this belong to? Explain the concept in two short sentences.",
    parser=prose,
    max_new_tokens=64,
    form="the {field} and two short sentences about the concept",
)

EXPAND_LABELS = Template(
    name="expand_labels",
    version=1,
    system="",
    user=_CLASSES
    + _TEXT
    + "Which category does this belong to? Explain the concept in two short sentences, "
    "in the words of that category.",
    parser=prose,
    label_aware=True,
    max_new_tokens=64,
    form="two short sentences in the words of the category that fits best",
)

SUMMARIZE = Template(
    name="summarize",
    version=1,
    system="",
    user=_TEXT
    + "Summarize it in one sentence of at most {max_words} words. Keep the technical "
    "terms.",
    parser=prose,
    max_new_tokens=48,
    form="one sentence of at most {max_words} words",
)

SUMMARIZE_LABELS = Template(
    name="summarize_labels",
    version=1,
    system="",
    user=_CLASSES
    + _TEXT
    + "Summarize it in one sentence of at most {max_words} words. Keep what tells the "
    "categories apart.",
    parser=prose,
    label_aware=True,
    max_new_tokens=48,
    form="one sentence of at most {max_words} words",
)

KEYWORDS = Template(
    name="keywords",
    version=1,
    system="",
    user=_TEXT + "Make a list of 8 technical terms about the topic of this text, "
    "separated by commas.",
    parser=keyword_list,
    to_text=join_words,
    max_new_tokens=40,
    form="a comma-separated list of keywords",
)

KEYWORDS_LABELS = Template(
    name="keywords_labels",
    version=1,
    system="",
    user=_CLASSES
    + _TEXT
    + "Make a list of 8 technical terms that connect this text with the category that "
    "fits best.",
    parser=keyword_list,
    to_text=join_words,
    label_aware=True,
    max_new_tokens=40,
    form="a comma-separated list of keywords",
)

DENOISE = Template(
    name="denoise",
    version=1,
    system="",
    user='Damaged text of one {item}: "{text}"\n\n'
    "Write the text again without broken words, boilerplate and cut sentences. Keep "
    "every fact and add none.",
    parser=prose,
    max_new_tokens=96,
    form="the mended text",
)

TEMPLATES = (
    EXPAND,
    EXPAND_LABELS,
    SUMMARIZE,
    SUMMARIZE_LABELS,
    KEYWORDS,
    KEYWORDS_LABELS,
    DENOISE,
)
