"""Text files, read so that every complaint can name a line."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from graphllm.errors import DatasetError


def read_utf8(path: Path) -> str:
    """The content of a UTF-8 file, without a byte-order mark.

    Args:
        path (Path): The file.

    Returns:
        str: Its text, with line ends as they are.

    Raises:
        DatasetError: If the file is missing, unreadable, empty or not UTF-8.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise DatasetError(f"{path}: there is no such file") from None
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from None
    if not raw.strip():
        raise DatasetError(f"{path}: the file is empty")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DatasetError(
            f"{path}, line {line}: not UTF-8 (byte 0x{raw[error.start]:02x}); "
            "save the file in the encoding UTF-8"
        ) from None


def read_csv_rows(
    path: Path, required: tuple[str, ...]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a CSV file with a header.

    Args:
        path (Path): The file.
        required (tuple[str, ...]): Columns that have to be in the header.

    Yields:
        tuple[int, dict[str, str]]: The line a row begins at, and its cells by column.

    Raises:
        DatasetError: If the file cannot be read, a column is missing or a row has
            more or fewer cells than the header.
    """
    reader = csv.reader(
        io.StringIO(read_utf8(path), newline=""), skipinitialspace=True, strict=True
    )
    line = 1
    header: list[str] | None = None
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise DatasetError(f"{path}, line {line}: broken CSV: {error}") from None
        if row is None:
            return
        if not row:
            continue
        if header is None:
            header = _header(row, required, path, line)
            continue
        if len(row) != len(header):
            raise DatasetError(
                f"{path}, line {line}: {len(row)} cells where the header has "
                f"{len(header)}; put cells that hold a comma in double quotes"
            )
        yield line, dict(zip(header, row, strict=True))


def _header(
    row: list[str], required: tuple[str, ...], path: Path, line: int
) -> list[str]:
    header = [name.strip().lower() for name in row]
    missing = [name for name in required if name not in header]
    if missing:
        raise DatasetError(
            f"{path}, line {line}: the header has no column '{missing[0]}' "
            f"(it has: {', '.join(header)})"
        )
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise DatasetError(f"{path}, line {line}: the column '{twice}' is there twice")
    return header
