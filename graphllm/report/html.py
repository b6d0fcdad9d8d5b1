"""HTML that is escaped unless said otherwise, and the page around it."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Self

from graphllm.report.style import CSS


class Safe(str):
    """A piece of HTML; every other string is escaped by :func:`tag`."""

    __slots__ = ()

    @classmethod
    def join_all(cls, parts: Iterable[str]) -> Self:
        """Concatenate, escaping what is not safe yet."""
        return cls("".join(map(_escaped, parts)))


def tag(name: str, *children: str, **attributes: str | int) -> Safe:
    """One element; children and attribute values are escaped.

    Args:
        name (str): Element name.
        children (str): Text, or :class:`Safe` HTML.
        attributes (str | int): A trailing underscore is dropped (``class_``).
    """
    head = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_clean(str(value)))}"'
        for key, value in attributes.items()
    )
    return Safe(f"<{name}{head}>{Safe.join_all(children)}</{name}>")


def table(
    header: Sequence[str], rows: Iterable[Sequence[str]], *, numeric_from: int = 1
) -> Safe:
    """A table that scrolls sideways in itself where the screen is narrow.

    Args:
        header (Sequence[str]): Column titles; none for a table of pairs.
        rows (Iterable[Sequence[str]]): Cells; the first of a row heads it.
        numeric_from (int, optional): First column that is set as numbers.
            (default: :obj:`1`)
    """

    def kind(column: int) -> str:
        return "num" if column >= numeric_from else "txt"

    head = Safe()
    if header:
        cells = [
            tag("th", name, class_=kind(column), scope="col")
            for column, name in enumerate(header)
        ]
        head = tag("thead", tag("tr", *cells))
    lines = []
    for row in rows:
        first = tag("th", row[0], scope="row")
        rest = (tag("td", c, class_=kind(i)) for i, c in enumerate(row[1:], 1))
        lines.append(tag("tr", first, *rest))
    return tag("div", tag("table", head, tag("tbody", *lines)), class_="scroll")


def breakable(text: str) -> Safe:
    """An identifier that may be broken after an underscore."""
    return Safe(_escaped(text).replace("_", "_<wbr>"))


def pairs(rows: Iterable[tuple[str, str]]) -> Safe:
    """Names and values, as a list that is no wider than it needs to be."""
    cells = [
        part for name, value in rows for part in (tag("dt", name), tag("dd", value))
    ]
    return tag("dl", *cells, class_="pairs")


def section(title: str, *children: str) -> Safe:
    """A part of the page with a heading; empty where there is nothing in it."""
    if not any(children):
        return Safe()
    return tag("section", tag("h2", title), *children)


def page(title: str, body: str) -> str:
    """A whole document: no script, no outside resource, and a policy that says so."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f'<link rel="icon" href="data:,">\n{tag("title", title)}\n'
        f"<style>\n{CSS}</style>\n</head>\n<body>\n<main>\n{_escaped(body)}\n"
        "</main>\n</body>\n</html>\n"
    )


def _escaped(part: str) -> str:
    return part if isinstance(part, Safe) else escape(_clean(part))


def _clean(text: str) -> str:
    # A lone surrogate cannot be written as UTF-8, and most control characters may
    # not stand in HTML at all.
    text = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(c if c >= " " or c in "\t\n" else "\ufffd" for c in text)
