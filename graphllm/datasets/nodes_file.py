"""Reads the nodes of a text graph: ``nodes.jsonl`` or ``nodes.csv``."""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from graphllm.datasets.text_file import read_csv_rows, read_utf8
from graphllm.errors import DatasetError

Label = str | int | None

SPLIT_WORDS = {
    "train": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}


@dataclass
class NodeTable:
    """The columns of a nodes file, one entry a node, in the order of the file."""

    ids: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    splits: list[str | None] = field(default_factory=list)
    full_text: list[str] = field(default_factory=list)


def read_nodes(path: Path) -> NodeTable:
    """Read a nodes file.

    The columns are ``id``, ``text`` and, optionally, ``label``, ``split`` (train,
    val or valid or validation, test; empty for none) and ``full_text``. Further ones
    are ignored. An id is a string or an integer; ``1`` and ``"1"`` are the same id.
    Lines of white space are skipped.

    Args:
        path (Path): Ends in ``.jsonl`` (one JSON object a line) or ``.csv`` (with a
            header).

    Returns:
        NodeTable: Everything as written, ids as strings.

    Raises:
        DatasetError: With file and line, if anything is wrong.
    """
    rows = _jsonl_rows(path) if path.suffix == ".jsonl" else _csv_rows(path)
    table = NodeTable()
    seen: dict[str, int] = {}
    for line, row in rows:
        where = f"{path}, line {line}"
        node = _id(row, where)
        if node in seen:
            raise DatasetError(
                f"{where}: id '{node}' was used before in line {seen[node]}; "
                "give every node its own id"
            )
        seen[node] = line
        table.ids.append(node)
        table.text.append(_text(row, "text", where))
        label, split = _label(row, where), _split(row, where)
        if split is not None and label is None:
            raise DatasetError(
                f"{where}: node '{node}' is in the split '{split}' but has no label"
            )
        table.labels.append(label)
        table.splits.append(split)
        if row.get("full_text") is not None:
            table.full_text.append(_text(row, "full_text", where))
    if not table.ids:
        raise DatasetError(f"{path}: there are no nodes in it")
    if table.full_text and len(table.full_text) != len(table.ids):
        raise DatasetError(
            f"{path}: {len(table.full_text)} of {len(table.ids)} nodes have a "
            "'full_text'; give it to all of them or to none"
        )
    return table


def _jsonl_rows(path: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    # Not str.splitlines: it also breaks at characters that JSON allows in a string.
    for line, raw in enumerate(read_utf8(path).split("\n"), 1):
        if not raw.strip():
            continue
        try:
            row = json.loads(raw)
        except ValueError as error:
            raise DatasetError(f"{path}, line {line}: broken JSON: {error}") from None
        if not isinstance(row, dict):
            raise DatasetError(
                f"{path}, line {line}: expected a JSON object such as "
                f'{{"id": 0, "text": "..."}} (got {type(row).__name__})'
            )
        yield line, row


def _csv_rows(path: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    limit = csv.field_size_limit(2**31 - 1)  # the default refuses long texts
    try:
        yield from read_csv_rows(path, required=("id", "text"))
    finally:
        csv.field_size_limit(limit)


def _id(row: Mapping[str, object], where: str) -> str:
    if "id" not in row:
        raise DatasetError(f"{where}: the column 'id' is missing")
    value = row["id"]
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise DatasetError(f"{where}: 'id' must be a string or an integer")
    node = str(value).strip()
    if not node:
        raise DatasetError(f"{where}: 'id' is empty")
    return node


def _text(row: Mapping[str, object], column: str, where: str) -> str:
    if column not in row:
        raise DatasetError(
            f"{where}: the column '{column}' is missing; use '' for no text"
        )
    value = row[column]
    if not isinstance(value, str):
        raise DatasetError(
            f"{where}: '{column}' must be a string (got {type(value).__name__}); "
            "use '' for no text"
        )
    return value


def _label(row: Mapping[str, object], where: str) -> Label:
    value = row.get("label")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise DatasetError(
            f"{where}: 'label' must be a string or an integer "
            f"(got {type(value).__name__}); leave it out where it is unknown"
        )
    if isinstance(value, str):
        return value.strip() or None
    return value


def _split(row: Mapping[str, object], where: str) -> str | None:
    value = row.get("split")
    if value is None or value == "":
        return None
    word = SPLIT_WORDS.get(value.strip().lower()) if isinstance(value, str) else None
    if word is None:
        raise DatasetError(
            f"{where}: unknown split '{value}'; use train, val or test, or leave it "
            "empty"
        )
    return word
