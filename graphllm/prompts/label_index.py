"""From a name as a model spells it to a class name of the task, or to nothing."""

import re
from collections.abc import Sequence

from graphllm.prompts.answers import strip_marks

_IGNORED = re.compile(r"[\s_\-]+")
_MAX_PARTS = 4


class LabelIndex:
    """Looks class names up, indifferent to case, spaces, underscores and hyphens.

    Apart from that the match is exact: no substring, no closest spelling. Two class
    names that differ in nothing else match only as they are written.

    Args:
        names (Sequence[str]): Every class name.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._exact = {name: name for name in names}
        self._loose: dict[str, str | None] = {}
        for name in names:
            key = _key(name)
            self._loose[key] = None if key in self._loose else name

    def find(self, text: str) -> str | None:
        """The class name that ``text`` stands for, if any."""
        for candidate in (text.strip(), strip_marks(text)):
            if candidate in self._exact:
                return self._exact[candidate]
        return self._loose.get(_key(strip_marks(text)))

    def find_leading(self, text: str) -> str | None:
        """The class name that opens ``text``, before a remark on it.

        Read as a remark: what follows a colon, a full stop, a dash between spaces, an
        opening bracket or ``because``.
        """
        head = re.split(r":\s|\s[-–—]+\s|\.\s|\s?\(|,?\s+because\b", text, maxsplit=1)[
            0
        ]
        return self.find(text) or self.find(head)

    def split(self, text: str) -> list[str | None]:
        """Class names of a comma or semicolon separated text, in order.

        A class name may hold commas itself. An entry that is no class name gives
        ``None``.
        """
        whole = self.find(text)
        if whole is not None:
            return [whole]
        parts = [part for part in re.split(r"[,;>\n]", text) if part.strip()]
        found: list[str | None] = []
        start = 0
        while start < len(parts):
            for stop in range(min(len(parts), start + _MAX_PARTS), start, -1):
                name = self.find(",".join(parts[start:stop]))
                if name is not None or stop == start + 1:
                    found.append(name)
                    start = stop
                    break
        return found


def _key(text: str) -> str:
    return _IGNORED.sub("", text).casefold()
