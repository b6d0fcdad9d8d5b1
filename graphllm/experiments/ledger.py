"""Finished runs on disk, so that an interrupted experiment goes on."""

import hashlib
import json
from pathlib import Path
from typing import Any

from graphllm.errors import GraphLLMError


class Ledger:
    """Append-only file of finished runs, each under a key made of its arguments.

    A run that was cut off finds every finished one again; a changed argument is
    another key and runs afresh. A half-written last line is ignored.

    Args:
        path (str or Path): A ``.jsonl`` file; made when the first run is recorded.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._rows: dict[str, dict[str, Any]] = {}
        if not self.path.exists():
            return
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise GraphLLMError(
                f"cannot read '{self.path}' ({error.strerror}); move it away or give "
                "another --out"
            ) from None
        for line in text.splitlines():
            try:
                row = json.loads(line)
                self._rows[row["key"]] = row["value"]
            except (ValueError, KeyError, TypeError):
                continue

    @staticmethod
    def key(**arguments: object) -> str:
        """Hash of the arguments of one run."""
        canonical = json.dumps(arguments, sort_keys=True, default=str)
        return hashlib.sha256(canonical.encode()).hexdigest()[:24]

    def get(self, key: str) -> dict[str, Any] | None:
        """A finished run, or nothing."""
        return self._rows.get(key)

    def put(self, key: str, value: dict[str, Any]) -> None:
        """Record a finished run before the next one starts.

        Raises:
            GraphLLMError: If the file cannot be written.
        """
        line = json.dumps({"key": key, "value": value}) + "\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a+b") as file:
                # A torn last line of a killed run must not swallow this one.
                if file.tell() and not self._ends_in_newline(file):
                    line = "\n" + line
                file.write(line.encode())
        except OSError as error:
            raise GraphLLMError(
                f"cannot write '{self.path}' ({error.strerror}); free some space or "
                "give another --out, then run the same command again"
            ) from None
        self._rows[key] = value

    @staticmethod
    def _ends_in_newline(file: Any) -> bool:
        file.seek(-1, 2)
        return bool(file.read(1) == b"\n")
