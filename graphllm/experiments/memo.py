"""An encoder that never reads the same text twice in one run."""

from collections.abc import Callable

import torch
from torch import Tensor


class MemoEncoder:
    """Wraps an encoder and remembers each text's vector.

    The same answers are encoded for several seeds and arms of one experiment.

    Args:
        encoder (Callable): ``list[str] -> Tensor`` of shape :math:`(n, F)`.
    """

    def __init__(self, encoder: Callable[[list[str]], Tensor]) -> None:
        self.encoder = encoder
        self._rows: dict[str, Tensor] = {}

    def __call__(self, texts: list[str]) -> Tensor:
        """Vectors of the texts, :math:`(n, F)`."""
        missing = [text for text in dict.fromkeys(texts) if text not in self._rows]
        if missing or not texts:
            rows = self.encoder(missing)
            if not texts:
                return rows
            self._rows.update(zip(missing, rows, strict=True))
        return torch.stack([self._rows[text] for text in texts])
