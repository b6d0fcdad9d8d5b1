"""Bytes on disk of a model, everything that must be shipped with it included."""

from pathlib import Path

from graphllm.errors import ModelNotFoundError


def size_of(path: str | Path) -> int:
    """Bytes of a file, or of all files of a model directory.

    Args:
        path (str or Path): A ``.gguf`` file or a directory.

    Raises:
        ModelNotFoundError: If there is nothing.
    """
    path = Path(path)
    if path.is_file():
        return path.stat().st_size
    files = [each for each in path.rglob("*") if each.is_file()]
    if not files:
        raise ModelNotFoundError(f"no model at '{path}'; save one there first")
    return sum(each.stat().st_size for each in files)
