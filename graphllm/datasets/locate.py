"""Where the files of a data set are, or will be."""

import os
from collections.abc import Sequence
from pathlib import Path

from graphllm.cache_dir import cache_dir
from graphllm.errors import DatasetError


def data_roots(data_root: str | Path | None = None) -> list[Path]:
    """Folders that are searched for data sets, in order.

    These are the argument, the variable ``GRAPHLLM_DATA``, and ``datasets`` in the
    cache folder, where downloads go.

    Args:
        data_root (str or Path, optional): A folder named by the user.
            (default: :obj:`None`)

    Returns:
        list[Path]: The last one is the cache and may not exist yet.

    Raises:
        DatasetError: If a folder named by the user does not exist.
    """
    roots = []
    given = {
        "the data root": str(data_root or ""),
        "GRAPHLLM_DATA": os.environ.get("GRAPHLLM_DATA", "").strip(),
    }
    for origin, value in given.items():
        if not value:
            continue
        root = Path(value).expanduser()
        if not root.is_dir():
            raise DatasetError(
                f"{origin} '{value}' is not a directory; name the folder "
                "that holds the data sets, or leave it out"
            )
        roots.append(root)
    return [*roots, download_root()]


def download_root() -> Path:
    """The folder that downloaded data sets are put into."""
    return cache_dir() / "datasets"


def find_folder(
    folder: str, files: Sequence[str], data_root: str | Path | None = None
) -> Path | None:
    """The first place that holds a data set.

    Args:
        folder (str): Its place below a data root.
        files (Sequence[str]): Files that have to be there.
        data_root (str or Path, optional): A folder named by the user.
            (default: :obj:`None`)

    Returns:
        Path or None: None if it is in no place.
    """
    for root in data_roots(data_root):
        place = root / folder
        if all((place / file).exists() for file in files):
            return place
    return None
