"""What a node of PyDocs says: the summary paragraph of its docstring."""

import re

MAX_LENGTH = 300

_PACKAGE = r"(?:numpy|scipy|networkx|scikit-learn|scikit|sklearn|pandas|np|sp|nx|pd)"
_ROLE = re.compile(r":[a-z:]+:(?=`)")
_DOTTED = re.compile(rf"~?\b{_PACKAGE}(?:\.\w+)*\.(\w+)", re.IGNORECASE)
_NAMED = re.compile(rf"\b{_PACKAGE}\b'?s?", re.IGNORECASE)
_CALL = re.compile(r"[\w.]+\(")
_CITATION = re.compile(r"\s*\[\w+\]_")
_DIRECTIVE = re.compile(r"^\.\. \w+")


def summary_of(doc: str) -> str:
    """First paragraph of prose in a docstring, without names of packages.

    Signature lines and directives before it are skipped; dotted paths are cut to
    their last part and package names are taken out, since either would name the
    area. At most 300 characters are kept, cut at a word.

    Args:
        doc (str): Docstring without indentation.

    Returns:
        str: The summary on one line, empty where there is no prose.
    """
    for paragraph in re.split(r"\n\s*\n", doc):
        prose = _without_signatures(paragraph.strip())
        if prose and not _DIRECTIVE.match(prose):
            return _shorten(_without_packages(" ".join(prose.split())))
    return ""


def _without_signatures(paragraph: str) -> str:
    """Drop lines such as ``f(x, shape=(2, 3)) -> array`` at the beginning."""
    while call := _CALL.match(paragraph):
        end = _closing_bracket(paragraph, call.end() - 1)
        behind, _, rest = paragraph[end:].partition("\n")
        if behind.strip() and not behind.strip().startswith("->"):
            break  # a sentence that begins with a call
        paragraph = rest.lstrip()
    return paragraph


def _closing_bracket(text: str, start: int) -> int:
    """Position behind the bracket that closes the one at ``start``."""
    depth = 0
    for position in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[position], 0)
        if depth == 0:
            return position + 1
    return len(text)


def _without_packages(text: str) -> str:
    text = _CITATION.sub("", _ROLE.sub("", text)).replace("`", "").replace("~", "")
    text = _NAMED.sub("", _DOTTED.sub(r"\1", text))
    return re.sub(r"\s+([.,;:)])", r"\1", " ".join(text.split()))


def _shorten(text: str) -> str:
    if len(text) <= MAX_LENGTH:
        return text
    return text[:MAX_LENGTH].rpartition(" ")[0]
