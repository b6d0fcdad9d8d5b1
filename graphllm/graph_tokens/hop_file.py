"""Hop features in a file that knows which graph and features made it."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from json import JSONDecodeError
from pathlib import Path

import torch
from torch import Tensor

from graphllm.errors import EmbeddingError
from graphllm.graph_tokens.base import JSON

SCHEMA = 1
BYTES = 2  # of a number


def contents_of(x: Tensor, keys: Tensor, num_hops: int, norm: str) -> dict[str, JSON]:
    """What the file is to hold, as written to its manifest.

    Args:
        x (Tensor): :math:`(|V|, F)`, features.
        keys (Tensor): :math:`(|E|)`, the edges.
        num_hops (int): Hops.
        norm (str): Weights of the edges.
    """
    digest = hashlib.blake2b(digest_size=16)
    for part in (keys, x):
        # The length goes first: an edge more is not a feature less.
        raw = part.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy()
        digest.update(f"{part.dtype} {tuple(part.shape)} ".encode())
        digest.update(raw.data)
    return {
        "schema": SCHEMA,
        "fingerprint": digest.hexdigest(),
        "num_hops": num_hops,
        "norm": norm,
        "shape": [x.size(0), num_hops, x.size(1)],
        "dtype": "float16",
    }


def map_hops(path: str | Path, contents: dict[str, JSON]) -> Tensor | None:
    """The stored hops, or nothing if there are none of these contents.

    Args:
        path (str or Path): The file; its manifest is ``PATH.json``.
        contents (dict): See :func:`contents_of`.

    Returns:
        Tensor: ``float16``, read from the file where it is looked at.

    Raises:
        EmbeddingError: If the file cannot be read, or somebody else wrote it.
    """
    path, manifest = Path(path), _manifest(path)
    try:
        if path.exists() and not manifest.exists():
            raise EmbeddingError(
                f"'{path}' exists and holds no hop features (there is no "
                f"'{manifest.name}' beside it); delete it or give another path"
            )
        if not path.exists() or not manifest.exists():
            return None
        found = json.loads(manifest.read_text(encoding="utf-8"))
        if found != contents or path.stat().st_size != _size(contents):
            return None
        return _mapped(path, contents, shared=False)
    except (OSError, JSONDecodeError, UnicodeDecodeError) as error:
        raise EmbeddingError(
            f"cannot read hop features from '{path}' ({error}); delete the file and "
            f"'{manifest.name}'"
        ) from error


def write_hops(
    path: str | Path, contents: dict[str, JSON], fill: Callable[[Tensor], None]
) -> Tensor:
    """Have the hops written into a file, and map it.

    Each of the two files is complete or absent, and the manifest comes last.

    Args:
        path (str or Path): The file; its manifest is ``PATH.json``.
        contents (dict): See :func:`contents_of`.
        fill (Callable): Gets the tensor to write to.

    Returns:
        Tensor: As from :func:`map_hops`.

    Raises:
        EmbeddingError: If the folder cannot be written or lacks room.
    """
    path, manifest = Path(path), _manifest(path)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Writing to a map of a file that finds no room kills the process.
        if shutil.disk_usage(path.parent).free < _size(contents):
            raise OSError(f"needs {_size(contents) / 2**20:.0f} MiB")
        fill(_mapped(partial, contents, shared=True))
        # No manifest may outlive its file.
        manifest.unlink(missing_ok=True)
        partial.replace(path)
        partial.write_text(json.dumps(contents, indent=1) + "\n", encoding="utf-8")
        partial.replace(manifest)
        return _mapped(path, contents, shared=False)
    except OSError as error:
        raise EmbeddingError(
            f"cannot write hop features to '{path}' ({error}); give a path with room "
            "that may be written to"
        ) from error
    finally:
        if partial.exists():
            partial.unlink()


def _mapped(path: Path, contents: dict[str, JSON], shared: bool) -> Tensor:
    shape = contents["shape"]
    assert isinstance(shape, list)
    size = _size(contents) // BYTES
    try:
        flat = torch.from_file(str(path), shared, size, dtype=torch.float16)
    except RuntimeError as error:
        raise OSError(str(error)) from error
    return flat.view(shape)  # type: ignore[arg-type]


def _size(contents: dict[str, JSON]) -> int:
    shape = contents["shape"]
    assert isinstance(shape, list)
    size = BYTES
    for length in shape:
        assert isinstance(length, int)
        size *= length
    return size


def _manifest(path: str | Path) -> Path:
    # Not with_suffix: a dot in the name belongs to the name.
    return Path(f"{path}.json")
