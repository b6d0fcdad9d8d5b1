"""From labels as people write them to class numbers and names."""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from graphllm.datasets.text_file import read_utf8
from graphllm.errors import DatasetError

Label = str | int | None


def encode_labels(
    labels: Sequence[Label], names: Sequence[str] | None = None
) -> tuple[Tensor, list[str]]:
    """Number the classes.

    With ``names``, a label is one of them or else an integer, its position in them.
    Without, the distinct labels are sorted: by value if all of them are integers
    (also when written as strings), else as strings.

    Args:
        labels (Sequence[str or int or None]): One entry a node; None for an unknown
            label.
        names (Sequence[str], optional): Class names in class order.
            (default: :obj:`None`)

    Returns:
        tuple[Tensor, list[str]]: Class of every node, ``-1`` where unknown, and the
        class names.

    Raises:
        DatasetError: If a label is not among ``names``.
    """
    written = {str(label) for label in labels if label is not None}
    if names is None:
        integers = all(_is_integer(label) for label in written)
        names = sorted(written, key=int) if integers else sorted(written)
    position = {name: index for index, name in enumerate(names)}
    for label in sorted(written - position.keys()):
        if not _is_integer(label) or not 0 <= int(label) < len(names):
            raise DatasetError(
                f"the label '{label}' is not among the label names: {', '.join(names)}"
            )
        position[label] = int(label)
    classes = [-1 if label is None else position[str(label)] for label in labels]
    return torch.tensor(classes, dtype=torch.long), list(names)


def read_label_names(path: Path) -> list[str]:
    """Read a JSON list of class names.

    Args:
        path (Path): For example ``label_names.json``.

    Returns:
        list[str]: The names.

    Raises:
        DatasetError: If the file holds anything but a list of different strings.
    """
    try:
        names = json.loads(read_utf8(path))
    except ValueError as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(f"{path}: broken JSON: {error}") from None
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        raise DatasetError(f'{path}: expected a list of strings, such as ["a", "b"]')
    if len(set(names)) != len(names):
        raise DatasetError(f"{path}: a label name is there twice")
    return names


def _is_integer(label: str) -> bool:
    return label.removeprefix("-").isdecimal()
