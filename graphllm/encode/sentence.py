"""Sentence-transformers models as encoders."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from graphllm.errors import ModelNotFoundError
from graphllm.model_packages import find_model

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class SentenceEncoder:
    """Encodes texts with a sentence-transformers model.

    Texts are encoded longest first, so that a batch holds texts of like length, and
    come back in the order given. A text longer than the model reads is cut at its
    end.

    Args:
        model (str or SentenceTransformer, optional): A directory, ``"minilm"``, a
            name on the hub, or a loaded model. (default: :obj:`"minilm"`)
        batch_size (int, optional): Texts a batch. (default: :obj:`32`)
        normalize (bool, optional): Whether rows get unit length.
            (default: :obj:`True`)
        progress (bool, optional): Whether a progress bar goes to stderr.
            (default: :obj:`False`)

    Shapes:
        - **input:** ``list[str]`` of length :math:`N`, empty strings allowed
        - **output:** :math:`(N, F)`, ``float32``, on the CPU

    Raises:
        ModelNotFoundError: If the model is not found or is no encoder.
    """

    def __init__(
        self,
        model: "str | SentenceTransformer" = "minilm",
        *,
        batch_size: int = 32,
        normalize: bool = True,
        progress: bool = False,
    ) -> None:
        name = model if isinstance(model, str) else type(model).__name__
        self.model = _load(model) if isinstance(model, str) else model
        self.batch_size = batch_size
        self.normalize = normalize
        self.progress = progress
        self.pooling = _pooling(self.model)
        self._name = Path(name).name if Path(name).exists() else name

    @property
    def id(self) -> str:
        """Model, pooling, length limit, normalisation and a hash of the weights.

        Two models of the same folder name but other weights have other ids.
        """
        scale = "unit" if self.normalize else "raw"
        length = self.model.max_seq_length
        weights = _weights_hash(self.model)
        return f"{self._name}/{self.pooling}/{length}/{scale}/{weights}"

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Encode ``texts``, one row each."""
        encoded = self.model.encode(
            # An empty batch has no width: encode one text and drop its row.
            list(texts) or [""],
            batch_size=self.batch_size,
            show_progress_bar=self.progress,
            convert_to_tensor=True,
            normalize_embeddings=self.normalize,
        )
        # A copy outside of inference mode, so that it may enter a training graph.
        return encoded[: len(texts)].detach().to("cpu", torch.float32).clone()


def _load(name: str) -> "SentenceTransformer":
    path = find_model(name)
    if Path(path).is_file():
        raise ModelNotFoundError(
            f"'{name}' is a file; a text encoder is a directory in the "
            "sentence-transformers or transformers format, for example 'minilm'"
        )
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    # Loading takes a second: its progress bar would only be noise.
    noisy = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        return SentenceTransformer(path)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelNotFoundError(
            f"'{name}' does not load as a text encoder ({reason}); give a directory "
            "in the sentence-transformers format, 'minilm', or owner/model on the hub"
        ) from error
    finally:
        if noisy:
            logging.enable_progress_bar()


def _pooling(model: "SentenceTransformer") -> str:
    for module in model:
        mode = getattr(module, "pooling_mode", None)
        if mode is not None:
            return mode if isinstance(mode, str) else "+".join(mode)
    return "model"


def _weights_hash(model: torch.nn.Module) -> str:
    """Hash of about a thousand values of every parameter."""
    digest = hashlib.blake2b(digest_size=6)
    for name, parameter in sorted(model.named_parameters()):
        digest.update(f"{name}{tuple(parameter.shape)}".encode())
        flat = parameter.detach().flatten()
        sample = flat[:: max(1, flat.numel() // 1024)]
        digest.update(sample.float().cpu().numpy().tobytes())
    return digest.hexdigest()
