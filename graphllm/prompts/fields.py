"""Filling the fields of a prompt, in one step or in two."""

from collections.abc import Mapping
from string import Formatter

from graphllm.errors import PromptError

#: Fields that belong to a domain, filled when a catalogue is made.
DOMAIN_FIELDS = ("field", "item", "items", "relation")
#: Fields that belong to a node, filled when a prompt is rendered.
NODE_FIELDS = ("form", "labels", "max_words", "neighbors", "text")


def field_names(pattern: str) -> set[str]:
    """Names of the fields a ``str.format`` pattern uses.

    Raises:
        PromptError: If the braces do not pair up or a field has no plain name.
    """
    return {name for _, name in _pieces(pattern) if name is not None}


def fill(pattern: str, values: Mapping[str, str]) -> str:
    """Replace every field; values are inserted as they are, braces included.

    Raises:
        PromptError: If a field has no value.
    """
    filled = []
    for literal, name in _pieces(pattern):
        filled.append(literal)
        if name is None:
            continue
        if name not in values:
            raise PromptError(
                f"a prompt uses the unknown field '{{{name}}}'; "
                f"use one of: {', '.join(sorted(DOMAIN_FIELDS + NODE_FIELDS))}"
            )
        filled.append(values[name])
    return "".join(filled)


def fill_some(pattern: str, values: Mapping[str, str]) -> str:
    """Replace the fields in ``values`` and keep the others for a later step."""
    filled = []
    for literal, name in _pieces(pattern):
        filled.append(_escape(literal))
        if name is not None:
            known = name in values
            filled.append(_escape(values[name]) if known else f"{{{name}}}")
    return "".join(filled)


def _pieces(pattern: str) -> list[tuple[str, str | None]]:
    try:
        pieces = list(Formatter().parse(pattern))
    except ValueError as error:
        raise PromptError(f"a prompt is no str.format pattern: {error}") from None
    for _, name, spec, conversion in pieces:
        if name is not None and (spec or conversion or not name.isidentifier()):
            raise PromptError(
                f"a prompt has the field '{{{name}}}' with more than a plain name; "
                "write literal braces twice"
            )
    return [(literal, name) for literal, name, _, _ in pieces]


def _escape(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
