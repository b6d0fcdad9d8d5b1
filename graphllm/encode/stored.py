"""Vectors of many small sets of texts, kept on disk text by text."""

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from graphllm.errors import EmbeddingError

DIGEST = 16


class StoredEncoder:
    """Wraps an encoder and keeps each text's vector in a folder.

    Answers of a language model come in small sets that differ from run to run:
    unlike :func:`graphllm.encode.encode_cached`, which keeps the texts of a graph as
    a whole, this looks up every text apart. Each call that had to encode something
    adds one file; files of another encoder are not read.

    Args:
        encoder (Callable): ``list[str] -> Tensor`` of shape :math:`(n, F)`, with an
            ``id`` that tells encoders apart.
        folder (str or Path): Where the files are; made when there is something to
            keep.

    Raises:
        EmbeddingError: If a file there cannot be read.
    """

    def __init__(
        self, encoder: Callable[[list[str]], Tensor], folder: str | Path
    ) -> None:
        self.encoder = encoder
        self.id = str(encoder.id)  # type: ignore[attr-defined]
        name = hashlib.blake2b(self.id.encode(), digest_size=8).hexdigest()
        self.folder = Path(folder) / name
        self._rows: dict[str, Tensor] = {}
        for path in sorted(self.folder.glob("*.safetensors")):
            self._rows.update(_read(path))

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Vectors of the texts, :math:`(n, F)`.

        Raises:
            EmbeddingError: If the folder cannot be written.
        """
        keys = [_key(text) for text in texts]
        missing = {
            key: text
            for key, text in zip(keys, texts, strict=True)
            if key not in self._rows
        }
        if missing or not keys:
            rows = self.encoder(list(missing.values()))
            if not keys:
                return rows
            self._keep(list(missing), rows.cpu())
        return torch.stack([self._rows[key] for key in keys])

    def _keep(self, keys: list[str], rows: Tensor) -> None:
        self._rows.update(zip(keys, rows, strict=True))
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            # Whole files only: a run that is killed here leaves no half one.
            with NamedTemporaryFile(dir=self.folder, delete=False) as file:
                partial = Path(file.name)
            save_file(
                {"rows": rows.contiguous()}, partial, metadata={"texts": ",".join(keys)}
            )
            os.replace(partial, self.folder / f"{keys[0]}.safetensors")
        except OSError as error:
            raise EmbeddingError(
                f"cannot write embeddings into '{self.folder}' ({error.strerror}); "
                "free some space or set GRAPHLLM_CACHE to another folder"
            ) from None


def _key(text: str) -> str:
    raw = text.encode("utf-8", errors="surrogatepass")
    return hashlib.blake2b(raw, digest_size=DIGEST).hexdigest()


def _read(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt") as file:
            keys = (file.metadata() or {}).get("texts", "").split(",")
            rows = file.get_tensor("rows")
    except (OSError, SafetensorError, RuntimeError, ValueError) as error:
        raise EmbeddingError(
            f"cannot read '{path}' ({error}); delete it and run again"
        ) from None
    if len(keys) != rows.size(0):
        raise EmbeddingError(
            f"'{path}' has {rows.size(0)} rows for {len(keys)} texts; delete it and "
            "run again"
        )
    return dict(zip(keys, rows, strict=True))
