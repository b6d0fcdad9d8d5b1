"""Making foreign text safe to quote, and cutting it at whole words."""

import re

#: Stands where text was cut.
ELLIPSIS = " …"

# Marks by which chat templates tell who speaks; some tokenizers turn them into
# control tokens wherever they occur.
_CONTROL = re.compile(
    r"<(?=\||/?s>|</?SYS>|(?:start|end)_of_turn>)|\[(?=/?INST\])", re.IGNORECASE
)
# A word, or 32 characters of a longer run (scripts without spaces, encoded data).
_UNIT = re.compile(r"\S{1,32}\s?")


def quote(text: str) -> str:
    """Text on one line that cannot close its quotes or speak for the chat.

    White space is collapsed, so that no line of the text can pass for a line of
    the prompt; double quotes, the delimiter of the catalogue, become single ones;
    the control marks of common chat templates get a space inside.
    """
    line = " ".join(text.split())
    line = _CONTROL.sub(lambda mark: mark.group() + " ", line)
    return line.replace('"', "'")


class Words:
    """A text that can be cut after any number of words.

    A run of more than 32 characters without a space counts as several words.

    Args:
        text (str): The text; it is made safe by :func:`quote`.
        max_chars (int, optional): What lies beyond is never looked at.
    """

    def __init__(self, text: str, max_chars: int | None = None) -> None:
        self.whole = max_chars is None or len(text) <= max_chars
        self._units = _UNIT.findall(quote(text if self.whole else text[:max_chars]))
        if not self.whole and len(self._units) > 1:
            self._units.pop()  # the word that the limit cut through

    def __len__(self) -> int:
        return len(self._units)

    def first(self, count: int) -> str:
        """The first ``count`` words, with an ellipsis if any are missing."""
        kept = "".join(self._units[:count]).rstrip()
        if count >= len(self._units) and self.whole:
            return kept
        return (kept + ELLIPSIS).strip()


def cut(text: str, max_chars: int) -> str:
    """At most ``max_chars`` characters, cut at a whole word where there is one."""
    words = Words(text, max_chars)
    return words.first(len(words))
