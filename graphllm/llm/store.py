"""Answers on disk: one SQLite file, one row an answer, plain values only."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from graphllm.cache_dir import cache_dir
from graphllm.errors import CacheError
from graphllm.llm.base import Completion, Request
from graphllm.llm.database import Database
from graphllm.llm.key import canonical, request_fields, request_key
from graphllm.llm.row import NAMES, Row, clean, damage, json_line, make_row, read_export

FILE_NAME = "answers.sqlite"
_SCHEMA = """
CREATE TABLE answers (
    key TEXT PRIMARY KEY, created REAL NOT NULL, model TEXT NOT NULL,
    template TEXT NOT NULL, request TEXT NOT NULL, text TEXT NOT NULL,
    finish_reason TEXT NOT NULL, prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL, seconds REAL NOT NULL, digest TEXT NOT NULL
);
CREATE INDEX answers_by_model ON answers (model, template);
CREATE TABLE failures (
    key TEXT PRIMARY KEY, created REAL NOT NULL, model TEXT NOT NULL,
    template TEXT NOT NULL, request TEXT NOT NULL, error TEXT NOT NULL,
    attempts INTEGER NOT NULL
)
"""
_CHUNK = 500  # variables in one statement; every SQLite allows 999
_COLUMNS = ", ".join(NAMES)
_INSERT = f"INSERT OR IGNORE INTO answers VALUES ({','.join('?' * len(NAMES))})"


@dataclass(frozen=True)
class StoreStats:
    """What a store holds.

    Args:
        answers (int): Stored answers.
        failures (int): Questions whose last attempt failed.
        prompt_tokens (int): Tokens that asking all of it took.
        completion_tokens (int): Tokens written.
        seconds (float): Model time spent.
        size (int): Bytes on disk.
        models (dict[str, int]): Answers a model.
        templates (dict[str, int]): Answers a template.
    """

    answers: int
    failures: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    size: int
    models: dict[str, int] = field(default_factory=dict)
    templates: dict[str, int] = field(default_factory=dict)


class AnswerStore:
    """Answers of language models, kept for good.

    The key of a row is :func:`~graphllm.llm.key.request_key`. Any number of threads
    and processes may read and write one store at the same time. A failed answer is
    never stored as an answer: it leaves a row with its number of attempts, and is
    asked again next time.

    Args:
        path (str or Path, optional): The file.
            (default: ``answers.sqlite`` in :func:`~graphllm.cache_dir.cache_dir`)
        timeout_s (float, optional): How long to wait for another writer.
            (default: :obj:`30.0`)
        read_only (bool, optional): Only read, also where nothing may be written.
            (default: :obj:`False`)

    Raises:
        CacheError: If the file is locked, damaged, a folder, or cannot be written.
    """

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        timeout_s: float = 30.0,
        read_only: bool = False,
    ) -> None:
        self.path = Path(path or cache_dir() / FILE_NAME).expanduser()
        self._database = Database(self.path, _SCHEMA, 1, timeout_s, read_only)

    def __repr__(self) -> str:
        return f"AnswerStore('{self.path}')"

    def __len__(self) -> int:
        with self._database.reading() as connection:
            return int(connection.execute("SELECT count(*) FROM answers").fetchone()[0])

    def get(self, keys: Iterable[str]) -> dict[str, Completion]:
        """The stored answers among ``keys``; keys without one are absent."""
        wanted = list(dict.fromkeys(keys))
        found = {}
        with self._database.reading() as connection:
            for start in range(0, len(wanted), _CHUNK):
                chunk = wanted[start : start + _CHUNK]
                marks = ",".join("?" * len(chunk))
                for key, *values in connection.execute(
                    "SELECT key, text, finish_reason, prompt_tokens, completion_tokens,"
                    f" seconds FROM answers WHERE key IN ({marks})",
                    chunk,
                ):
                    text, reason, read, written, seconds = values
                    found[key] = Completion(
                        text, None, reason, read, written, seconds, cached=True
                    )
        return found

    def put(self, model: str, request: Request, answer: Completion) -> None:
        """Commit one answer. The first answer to a question stays."""
        if not answer.ok or not answer.text.strip():
            raise CacheError("a failed or empty answer cannot be stored as an answer")
        row = make_row(model, request, answer, time.time())
        with self._database.writing() as connection:
            connection.execute(_INSERT, row)
            connection.execute("DELETE FROM failures WHERE key = ?", row[:1])

    def put_failure(self, model: str, request: Request, error: str) -> None:
        """Note that a question failed; the number of attempts grows by one."""
        key, fields = request_key(model, request), canonical(request_fields(request))
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO failures VALUES (?, ?, ?, ?, ?, ?, 1) ON CONFLICT (key) DO"
                " UPDATE SET attempts = attempts + 1, created = excluded.created,"
                " error = excluded.error",
                (key, time.time(), model, request.template, fields, clean(error)),
            )

    def failures(self) -> dict[str, tuple[str, int]]:
        """Key to (last error, attempts) of every question without an answer."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT key, error, attempts FROM failures")
            return {key: (error, attempts) for key, error, attempts in rows}

    def require_writable(self) -> None:
        """Raise :class:`CacheError` now rather than after a paid answer."""
        self._database.require_writable()

    def seconds(self, model: str, template: str | None = None) -> list[float]:
        """Times of the latest answers of a model, newest first, at most 500."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT seconds FROM answers WHERE model = ? AND seconds > 0 AND"
                " (? IS NULL OR template = ?) ORDER BY created DESC LIMIT 500",
                (model, template, template),
            )
            return [row[0] for row in rows]

    def stats(self) -> StoreStats:
        """Count what is in the store."""
        with self._database.reading() as connection:
            groups = connection.execute(
                "SELECT model, template, count(*), sum(prompt_tokens),"
                " sum(completion_tokens), sum(seconds) FROM answers"
                " GROUP BY model, template ORDER BY model, template"
            ).fetchall()
            failed = connection.execute("SELECT count(*) FROM failures").fetchone()[0]
        models: dict[str, int] = {}
        templates: dict[str, int] = {}
        for model, template, count, *_ in groups:
            models[model] = models.get(model, 0) + count
            templates[template] = templates.get(template, 0) + count
        size = sum(part.stat().st_size for part in self._files())
        return StoreStats(
            answers=sum(models.values()),
            failures=failed,
            prompt_tokens=sum(group[3] for group in groups),
            completion_tokens=sum(group[4] for group in groups),
            seconds=sum(group[5] for group in groups),
            size=size,
            models=models,
            templates=templates,
        )

    def verify(self) -> dict[str, str]:
        """Derive every key and digest again.

        Returns:
            dict[str, str]: Key of each damaged row to what is wrong with it; empty
            when all is well.
        """
        with self._database.reading() as connection:
            state = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if state != "ok":
                raise CacheError(
                    f"the answer cache '{self.path}' is damaged ({state}); "
                    "export it, move it away and load the export"
                )
            rows: Iterable[Row] = connection.execute(f"SELECT {_COLUMNS} FROM answers")
            return {row[0]: found for row in rows if (found := damage(row))}

    def export(
        self,
        path: str | Path,
        *,
        model: str | None = None,
        template: str | None = None,
    ) -> int:
        """Write answers as JSON lines, to be shipped with a paper.

        Args:
            path (str or Path): The file; replaced when it exists.
            model (str, optional): Only this model.
            template (str, optional): Only this template, ``"expand@1"``, or every
                version of ``"expand"``.

        Returns:
            int: Answers written.
        """
        clause, values = _where(model, template, None)
        with self._database.reading() as connection:
            rows: list[Row] = connection.execute(
                f"SELECT {_COLUMNS} FROM answers{clause} ORDER BY key", values
            ).fetchall()
        path = Path(path)
        partial = path.with_name(path.name + ".partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("w", encoding="utf-8") as file:
                file.writelines(json_line(row) for row in rows)
            partial.replace(path)
        except OSError as error:
            raise CacheError(f"cannot write '{path}' ({error.strerror})") from None
        return len(rows)

    def load(self, path: str | Path) -> int:
        """Read what :meth:`export` wrote; all of it, or nothing.

        Answers already present stay as they are, so loading twice changes nothing.

        Returns:
            int: Answers that were new.

        Raises:
            CacheError: With the line number, where a line is not an answer or its
                key does not belong to its request.
        """
        with self._database.writing() as connection:
            before = connection.total_changes
            connection.executemany(_INSERT, read_export(path))
            return connection.total_changes - before

    def prune(
        self,
        *,
        template: str | None = None,
        model: str | None = None,
        before: datetime | float | None = None,
    ) -> int:
        """Delete answers and failures that meet every given condition.

        Args:
            template (str, optional): ``"expand@1"``, or every version of
                ``"expand"``.
            model (str, optional): Identity of the model.
            before (datetime or float, optional): Made before this time.

        Returns:
            int: Answers deleted.
        """
        clause, values = _where(model, template, before)
        if not clause:
            raise CacheError("say what to prune: a template, a model or a time")
        with self._database.writing() as connection:
            deleted = connection.execute(f"DELETE FROM answers{clause}", values)
            connection.execute(f"DELETE FROM failures{clause}", values)
        with self._database.reading() as connection:
            connection.execute("VACUUM")
        return deleted.rowcount

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._database.close()

    def _files(self) -> list[Path]:
        names = [self.path.name + suffix for suffix in ("", "-wal")]
        parts = [self.path.with_name(name) for name in names]
        return [part for part in parts if part.exists()]


def _where(
    model: str | None, template: str | None, before: datetime | float | None
) -> tuple[str, Sequence[str | float]]:
    parts: list[str] = []
    values: list[str | float] = []
    if model is not None:
        parts.append("model = ?")
        values.append(model)
    if template is not None:
        exact = "@" in template
        column = (
            "template" if exact else "substr(template, 1, instr(template, '@') - 1)"
        )
        parts.append(f"{column} = ?")
        values.append(template)
    if before is not None:
        parts.append("created < ?")
        moment = before.timestamp() if isinstance(before, datetime) else before
        values.append(float(moment))
    return (" WHERE " + " AND ".join(parts) if parts else ""), values
