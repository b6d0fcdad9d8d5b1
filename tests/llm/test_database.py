import os
import sqlite3
import threading

import pytest

from graphllm.errors import CacheError
from graphllm.llm.database import Database

SCHEMA = "CREATE TABLE t (n INTEGER); CREATE INDEX i ON t (n)"


def opened(path, timeout_s=5.0, read_only=False, version=1):
    return Database(path, SCHEMA, version, timeout_s, read_only)


def insert(database, *numbers):
    with database.writing() as connection:
        connection.executemany("INSERT INTO t VALUES (?)", [(n,) for n in numbers])


def contents(database):
    with database.reading() as connection:
        return [row[0] for row in connection.execute("SELECT n FROM t ORDER BY n")]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / "file.sqlite"


def test_what_is_written_is_there_for_the_next(path):
    insert(opened(path), 1, 2)
    assert contents(opened(path)) == [1, 2]
    with opened(path).reading() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_a_transaction_is_all_or_nothing(path):
    database = opened(path)
    with pytest.raises(CacheError, match="cannot be used"):
        insert(database, 1, 2, [])  # a list is no value: the third one fails
    assert contents(database) == []
    insert(database, 3)
    assert contents(database) == [3]


def test_closing_is_not_the_end(path):
    database = opened(path)
    insert(database, 1)
    database.close()
    database.close()
    assert contents(database) == [1]


def test_threads_take_turns(path):
    database = opened(path)
    threads = [
        threading.Thread(target=lambda n=n: [insert(database, n) for _ in range(20)])
        for n in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert contents(database) == sorted(20 * list(range(5)))


def test_a_forked_child_opens_its_own_connection(path, monkeypatch):
    database = opened(path)
    with database.reading() as connection:
        parent = connection
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with database.reading() as connection:
        assert connection is not parent
    monkeypatch.undo()


def test_locked(path):
    database = opened(path, timeout_s=0.05)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(CacheError, match="locked by another process") as caught:
        insert(database, 1)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    other.execute("ROLLBACK")
    insert(database, 2)
    assert contents(database) == [2]
    other.close()


def test_locked_while_it_is_made(tmp_path):
    path = tmp_path / "file.sqlite"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(CacheError, match="locked by another process"):
        opened(path, timeout_s=0.05)
    other.close()
    assert contents(opened(path)) == []


def test_disk_full(path):
    database = opened(path)
    insert(database, 0)
    with database.reading() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(CacheError, match="the disk is full; free some space"):
        insert(database, *range(10_000))
    assert contents(database) == [0]


def test_read_only_file(path):
    database = opened(path)
    with database.reading() as connection:
        connection.execute("PRAGMA query_only=ON")
    with pytest.raises(CacheError, match="read-only"):
        insert(database, 1)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match="cannot be made"):
        opened(tmp_path / "file" / "sub" / "a.sqlite")


def test_a_folder_in_its_place(tmp_path):
    with pytest.raises(CacheError, match="is a folder"):
        opened(tmp_path)


def test_not_a_database(tmp_path):
    path = tmp_path / "file.sqlite"
    path.write_text("hello " * 1000)
    with pytest.raises(CacheError, match="damaged; move it away"):
        opened(path)
    assert path.read_text() == "hello " * 1000


def test_a_damaged_database(path):
    database = opened(path)
    insert(database, *range(5000))
    database.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(CacheError, match="is damaged; move it away"):
        contents(opened(path))


def test_another_programs_database_is_left_alone(tmp_path):
    path = tmp_path / "file.sqlite"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (n)")
    other.commit()
    other.close()
    before = path.read_bytes()
    with pytest.raises(CacheError, match="another program's database"):
        opened(path)
    assert path.read_bytes() == before


def test_another_version(path):
    opened(path).close()
    with pytest.raises(CacheError, match=r"has version 1 .* reads 2"):
        opened(path, version=2)


def test_read_only_opening_leaves_no_trace(path):
    writer = opened(path)
    insert(writer, 1)
    writer.close()
    before = sorted(path.parent.iterdir())
    reader = opened(path, read_only=True)
    assert contents(reader) == [1]
    assert sorted(path.parent.iterdir()) == before == [path]
    with pytest.raises(CacheError, match="read-only"):
        insert(reader, 2)


def test_read_only_opening_makes_no_file(path):
    with pytest.raises(CacheError, match="cannot be opened"):
        opened(path, read_only=True)
    assert not path.parent.exists()


def test_a_store_made_between_two_questions_is_ours(tmp_path):
    """Another process commits tables and version while this one is looking."""

    class Looking:
        replies = iter([0, 3, 1])

        def execute(self, question):
            return self

        def fetchone(self):
            return (next(self.replies),)

    database = opened(tmp_path / "answers.sqlite")
    assert database._found_version(Looking()) == 1
