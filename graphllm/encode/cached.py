"""Encode once: embeddings are looked for on disk before a model runs."""

import hashlib
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from graphllm.cache_dir import cache_dir
from graphllm.data import text_fingerprint
from graphllm.encode.store import check_rows, load_embeddings, save_embeddings
from graphllm.encode.tfidf import TfidfEncoder
from graphllm.errors import EmbeddingError

Encoder = Callable[[list[str]], Tensor]

#: Texts stored at a time: what a killed run loses at most.
CHUNK = 4096


def encode_cached(
    encoder: Encoder,
    texts: Sequence[str],
    directory: str | Path | None = None,
    *,
    chunk_size: int = CHUNK,
) -> Tensor:
    """Encode texts, or read what the same encoder made of the same texts before.

    The key is the encoder's ``id`` and the fingerprint of the texts in order. Long
    lists are encoded and stored in chunks, so that a run that was stopped goes on
    where it was. An encoder without an ``id`` has no key and is simply called. A
    :class:`TfidfEncoder` that was never fitted is fitted on ``texts`` first.

    Every text is taken to be encoded by itself, whatever stands beside it.

    Args:
        encoder (Callable): ``list[str]`` to :math:`(N, F)`.
        texts (Sequence[str]): The texts.
        directory (str or Path, optional): Where embeddings are kept.
            (default: ``embeddings`` in the cache folder)
        chunk_size (int, optional): Texts stored at a time. (default: :obj:`4096`)

    Returns:
        Tensor: :math:`(N, F)` on the CPU.

    Raises:
        EmbeddingError: If the encoder returns something else than one finite row a
            text, or the folder cannot be written.
    """
    texts = list(texts)
    if isinstance(encoder, TfidfEncoder) and not encoder.fitted:
        encoder.fit(texts)
    encoder_id = getattr(encoder, "id", None)
    if encoder_id is None:
        return _encode(encoder, texts, type(encoder).__name__)
    folder = Path(directory) if directory is not None else cache_dir() / "embeddings"
    chunks = [texts[i : i + chunk_size] for i in range(0, len(texts), chunk_size)]
    parts = [
        _encode_chunk(encoder, encoder_id, chunk, folder) for chunk in chunks or [texts]
    ]
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _encode_chunk(
    encoder: Encoder, encoder_id: str, texts: list[str], folder: Path
) -> Tensor:
    key = hashlib.blake2b(encoder_id.encode(), digest_size=8)
    key.update(text_fingerprint(texts).encode())
    path = folder / key.hexdigest()
    if Path(f"{path}.json").exists():
        try:
            return load_embeddings(path, texts, encoder_id=encoder_id)
        except EmbeddingError as error:
            warnings.warn(f"{error}: encoding again", stacklevel=3)
    _check_writable(folder)
    embeddings = _encode(encoder, texts, encoder_id)
    pooling = str(getattr(encoder, "pooling", ""))
    save_embeddings(path, embeddings, texts, encoder_id=encoder_id, pooling=pooling)
    return embeddings


def _encode(encoder: Encoder, texts: list[str], encoder_id: str) -> Tensor:
    embeddings = encoder(texts).detach().cpu()
    check_rows(embeddings, len(texts), encoder_id)
    return embeddings


def _check_writable(folder: Path) -> None:
    """Learn that nothing can be kept before hours of encoding, not after."""
    probe = folder / ".writable"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink(missing_ok=True)
    except OSError as error:
        raise EmbeddingError(
            f"cannot write embeddings to '{folder}' ({error}); make the folder "
            "writable or set GRAPHLLM_CACHE to another one"
        ) from error
