"""Embeddings on disk that know which texts and which encoder made them."""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from graphllm.data import text_fingerprint
from graphllm.errors import EmbeddingError

SCHEMA = 1


def save_embeddings(
    path: str | Path,
    embeddings: Tensor,
    texts: Sequence[str],
    *,
    encoder_id: str,
    pooling: str = "",
) -> Path:
    """Write ``PATH.safetensors`` and its manifest ``PATH.json``.

    The manifest holds ``encoder``, ``pooling``, ``text_fingerprint``, ``rows``,
    ``dim``, ``dtype`` and a checksum of the numbers. Each file is complete or
    absent, and the manifest comes last.

    Args:
        path (str or Path): Where to, without a suffix.
        embeddings (Tensor): One row a text, :math:`(N, F)`.
        texts (Sequence[str]): The texts that were encoded, in order.
        encoder_id (str): Identity of the encoder.
        pooling (str, optional): How token vectors became one. (default: ``""``)

    Returns:
        Path: Of the manifest.

    Raises:
        EmbeddingError: If the rows do not match the texts, a value is not finite, or
            the folder cannot be written.
    """
    embeddings = embeddings.detach().cpu().contiguous()
    check_rows(embeddings, len(texts), encoder_id)
    manifest = {
        "schema": SCHEMA,
        "encoder": encoder_id,
        "pooling": pooling,
        "text_fingerprint": text_fingerprint(texts),
        "rows": embeddings.size(0),
        "dim": embeddings.size(1),
        "dtype": str(embeddings.dtype).removeprefix("torch."),
        "checksum": _checksum(embeddings),
    }
    tensor_path, manifest_path = _paths(path)
    text = json.dumps(manifest, indent=1) + "\n"
    try:
        manifest_path.parent.mkdir(parents=True, exist_ok=True)
        _replace(tensor_path, lambda to: save_file({"embeddings": embeddings}, to))
        _replace(manifest_path, lambda to: to.write_text(text, encoding="utf-8"))
    except (OSError, SafetensorError) as error:
        raise EmbeddingError(
            f"cannot write embeddings to '{manifest_path.parent}' ({error}); give a "
            "folder with room that may be written to"
        ) from error
    return manifest_path


def load_embeddings(
    path: str | Path,
    texts: Sequence[str] | None = None,
    *,
    encoder_id: str | None = None,
) -> Tensor:
    """Read embeddings and refuse those of another graph or encoder.

    Args:
        path (str or Path): As given to :func:`save_embeddings`.
        texts (Sequence[str], optional): The texts that the rows must belong to, in
            order. (default: not checked)
        encoder_id (str, optional): The encoder that must have made them.
            (default: not checked)

    Returns:
        Tensor: :math:`(N, F)`.

    Raises:
        EmbeddingError: If the files are missing, damaged, or of something else.
    """
    manifest = read_manifest(path)
    if encoder_id is not None and manifest["encoder"] != encoder_id:
        raise EmbeddingError(
            f"the embeddings at '{path}' were made by '{manifest['encoder']}', not by "
            f"'{encoder_id}'; encode the texts again"
        )
    if texts is not None and manifest["rows"] != len(texts):
        raise EmbeddingError(
            f"the embeddings at '{path}' have {manifest['rows']} rows, the graph has "
            f"{len(texts)} texts: they belong to another graph; encode the texts again"
        )
    if texts is not None and manifest["text_fingerprint"] != text_fingerprint(texts):
        raise EmbeddingError(
            f"the embeddings at '{path}' were made from other texts, or from the same "
            "texts in another order; encode the texts again"
        )
    return _read_tensor(path, manifest)


def read_manifest(path: str | Path) -> dict[str, Any]:
    """What is known of stored embeddings, without reading them.

    Raises:
        EmbeddingError: If there is no manifest or it cannot be read.
    """
    manifest_path = _paths(path)[1]
    try:
        manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise EmbeddingError(f"there are no embeddings at '{path}'") from None
    except (OSError, ValueError) as error:
        raise _damaged(manifest_path, str(error)) from error
    needed = {"schema", "encoder", "text_fingerprint", "rows", "dim", "checksum"}
    if not isinstance(manifest, dict) or needed - manifest.keys():
        raise _damaged(manifest_path, "entries are missing")
    if manifest["schema"] != SCHEMA:
        raise EmbeddingError(
            f"'{manifest_path}' has schema {manifest['schema']}, this version reads "
            f"{SCHEMA}; encode the texts again"
        )
    return manifest


def check_rows(embeddings: Tensor, num_texts: int, encoder_id: str) -> None:
    """Refuse what is no :math:`(N, F)` matrix of finite numbers."""
    if embeddings.dim() != 2 or embeddings.size(0) != num_texts:
        raise EmbeddingError(
            f"the encoder '{encoder_id}' gave a tensor of shape "
            f"{tuple(embeddings.shape)} for {num_texts} texts; it must give one row a "
            "text"
        )
    if not bool(torch.isfinite(embeddings).all()):
        row = int((~torch.isfinite(embeddings)).any(dim=1).nonzero()[0])
        raise EmbeddingError(
            f"the encoder '{encoder_id}' gave a value that is not finite for text {row}"
        )


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    """Write beside the file, then put the whole in its place."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        write(partial)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _read_tensor(path: str | Path, manifest: dict[str, Any]) -> Tensor:
    tensor_path = _paths(path)[0]
    try:
        embeddings = load_file(tensor_path)["embeddings"]
    except (OSError, SafetensorError, KeyError) as error:
        raise _damaged(tensor_path, str(error)) from error
    if list(embeddings.shape) != [manifest["rows"], manifest["dim"]]:
        raise _damaged(tensor_path, f"its shape is {tuple(embeddings.shape)}")
    if _checksum(embeddings) != manifest["checksum"]:
        raise _damaged(tensor_path, "the checksum differs")
    return embeddings


def _damaged(path: Path, reason: str) -> EmbeddingError:
    return EmbeddingError(
        f"'{path}' is damaged ({reason}); delete it and encode the texts again"
    )


def _paths(path: str | Path) -> tuple[Path, Path]:
    # Not with_suffix: a dot in the name belongs to the name.
    return Path(f"{path}.safetensors"), Path(f"{path}.json")


def _checksum(embeddings: Tensor) -> str:
    raw = embeddings.contiguous().view(torch.uint8).numpy()
    return hashlib.blake2b(raw.tobytes(), digest_size=8).hexdigest()
