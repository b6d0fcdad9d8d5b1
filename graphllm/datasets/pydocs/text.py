"""What a node of PyDocs says: the summary paragraph of its docstring."""

import re

MAX_LENGTH = 300

_PACKAGE = r"(?:numpy|scipy|networkx|scikit-learn|scikit|sklearn|pandas|np|sp|nx|pd)"
_ROLE = re.compile(r":[a-z:]+:(?=`)")
_DOTTED = re.compile(rf"~?\b{_PACKAGE}(?:\.\w+)*\.(\w+)", re.IGNORECASE)
_NAMED = re.compile(rf"\b{_PACKAGE}\b'?s?", re.IGNORECASE)
_SIGNATURE = re.compile(r"^[\w.]+\s*\(.*\)(\s*->.*)?$", re.DOTALL)
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
        stripped = paragraph.strip()
        if not stripped or _SIGNATURE.match(stripped) or _DIRECTIVE.match(stripped):
            continue
        return _shorten(_without_packages(" ".join(_prose(stripped).split())))
    return ""


def _prose(paragraph: str) -> str:
    """Drop signature lines that stand directly above the text."""
    lines = paragraph.splitlines()
    while len(lines) > 1 and _SIGNATURE.match(lines[0].strip()):
        lines.pop(0)
    return "\n".join(lines)


def _without_packages(text: str) -> str:
    text = _CITATION.sub("", _ROLE.sub("", text)).replace("`", "").replace("~", "")
    text = _NAMED.sub("", _DOTTED.sub(r"\1", text))
    return re.sub(r"\s+([.,;:)])", r"\1", " ".join(text.split()))


def _shorten(text: str) -> str:
    if len(text) <= MAX_LENGTH:
        return text
    return text[:MAX_LENGTH].rpartition(" ")[0]
