"""A SQLite file that threads and processes may share, with errors in one line."""

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from graphllm.errors import CacheError

_REASONS = {
    sqlite3.SQLITE_BUSY: "is locked by another process; wait for it to end or stop it",
    sqlite3.SQLITE_LOCKED: "is locked by another reader; try again",
    sqlite3.SQLITE_FULL: "cannot grow: the disk is full; free some space and run again",
    sqlite3.SQLITE_READONLY: "cannot be written: it or its folder is read-only",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; is its folder there and writable?",
    sqlite3.SQLITE_IOERR: "cannot be read or written: the disk reports an error",
    sqlite3.SQLITE_NOTADB: "is no answer cache or is damaged; move it away",
    sqlite3.SQLITE_CORRUPT: "is damaged; move it away",
    sqlite3.SQLITE_PERM: "may not be opened by this user",
}


class Database:
    """One SQLite file in WAL mode, opened once a process.

    Threads take turns on one connection; processes are kept apart by SQLite. With
    WAL and ``synchronous=NORMAL`` a committed row survives the death of the process;
    a power cut may lose the last rows but never damages the file.

    Args:
        path (Path): The file; its folder is made where needed.
        schema (str): SQL run on an empty file.
        version (int): Version of the schema, kept in the file.
        timeout_s (float): How long to wait for another writer.
        read_only (bool): Open an existing file without ever writing near it.

    Raises:
        CacheError: If it cannot be opened, or is not a file of this kind.
    """

    def __init__(
        self, path: Path, schema: str, version: int, timeout_s: float, read_only: bool
    ) -> None:
        self.path = path
        self.schema = schema
        self.version = version
        self.timeout_s = timeout_s
        self.read_only = read_only
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._pid = 0
        if path.is_dir():
            raise CacheError(
                f"the answer cache '{path}' is a folder; name a file in it"
            )
        if not read_only:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise CacheError(
                    f"the folder of the answer cache '{path}' cannot be made "
                    f"({error.strerror}); name another one or set GRAPHLLM_CACHE"
                ) from None
        with self.reading():
            pass

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for one thread at a time."""
        with self._lock:
            try:
                yield self._opened()
            except sqlite3.Error as error:
                raise CacheError(self._explain(error)) from error

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it is committed, or nothing."""
        with self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def require_writable(self) -> None:
        """Write what is there already; fails as any other write would."""
        with self.writing() as connection:
            connection.execute(f"PRAGMA user_version={self.version}")

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            if self._connection is not None and self._pid == os.getpid():
                self._connection.close()
            self._connection = None

    def _opened(self) -> sqlite3.Connection:
        # A connection must not cross a fork: the child opens its own.
        if self._connection is None or self._pid != os.getpid():
            connection = self._connect()
            weakref.finalize(self, connection.close)
            self._connection, self._pid = connection, os.getpid()
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        address = self.path.absolute().as_uri()
        if self.read_only:
            # Without its side files a WAL database can be read in a folder that may
            # not be written only if SQLite is told that nobody else writes.
            lonely = not self.path.with_name(self.path.name + "-wal").exists()
            address += "?mode=ro&immutable=1" if lonely else "?mode=ro"
        connection = sqlite3.connect(
            address,
            timeout=self.timeout_s,
            isolation_level=None,
            check_same_thread=False,
            uri=True,
        )
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        found = self._found_version(connection)
        if not self.read_only and found in (0, self.version):
            self._switch_to_wal(connection)
            connection.execute("PRAGMA synchronous=NORMAL")
            found = found or self._create(connection)
        if found != self.version:
            raise CacheError(
                f"'{self.path}' has version {found} of the answer cache, this graphllm "
                f"reads {self.version}; move it away or name another file"
            )

    def _found_version(self, connection: sqlite3.Connection) -> int:
        found = _number(connection, "PRAGMA user_version")
        if found == 0 and _number(connection, "SELECT count(*) FROM sqlite_master"):
            # Tables and version are committed together: where another process made
            # them between the two questions, the version is there by now.
            found = _number(connection, "PRAGMA user_version")
            if found == 0:
                raise CacheError(
                    f"'{self.path}' is another program's database; name another file"
                )
        return found

    def _create(self, connection: sqlite3.Connection) -> int:
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Asked again inside: another process may have been faster.
            if self._found_version(connection) == 0:
                for statement in self.schema.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version={self.version}")
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        return self._found_version(connection)

    def _switch_to_wal(self, connection: sqlite3.Connection) -> None:
        # SQLite does not wait here as it does elsewhere, so two processes that make
        # the same file at the same moment have to be patient by themselves.
        deadline = time.monotonic() + self.timeout_s
        while True:
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                busy = _primary_code(error) == sqlite3.SQLITE_BUSY
                if not busy or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def _explain(self, error: sqlite3.Error) -> str:
        reason = _REASONS.get(_primary_code(error), "cannot be used")
        return (
            f"the answer cache '{self.path}' {reason}, or name another file ({error})"
        )


def _number(connection: sqlite3.Connection, question: str) -> int:
    return int(connection.execute(question).fetchone()[0])


def _primary_code(error: sqlite3.Error) -> int:
    # Extended codes carry the general one in their lowest byte.
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
