"""Token sequences on which a model is watched while it is compressed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from graphllm.errors import CompressionError
from graphllm.seed import generator


@dataclass(frozen=True)
class Calibration:
    r"""Sequences of equal length, without padding.

    Statistics are those of every position, the first included: its massive
    activations carry much of what Hessian methods need to keep.

    Args:
        input_ids (Tensor): :math:`(N, T)` ``int64``.

    Raises:
        CompressionError: If there is no token, or the shape or dtype is another.
    """

    input_ids: Tensor

    def __post_init__(self) -> None:
        ids = self.input_ids
        if ids.dim() != 2 or ids.is_floating_point() or ids.dtype == torch.bool:
            raise CompressionError(
                "calibration 'input_ids' must be integers of shape (N, T) (got "
                f"{ids.dtype} of shape {tuple(ids.shape)})"
            )
        if ids.numel() == 0:
            raise CompressionError("the calibration is empty; give it some text")

    @property
    def num_tokens(self) -> int:
        """All tokens."""
        return self.input_ids.numel()

    @classmethod
    def from_texts(
        cls,
        texts: Sequence[str],
        tokenizer: Any,
        num_sequences: int = 128,
        length: int = 512,
        seed: int = 0,
    ) -> Self:
        """Draw sequences from texts.

        Texts are shuffled, joined with a blank line between and cut into windows, of
        which ``num_sequences`` are drawn. No window is drawn twice; where the texts
        have fewer, all are taken.

        Args:
            texts (Sequence[str]): The texts, of any length.
            tokenizer (PreTrainedTokenizerBase): The model's tokenizer.
            num_sequences (int, optional): Most sequences. (default: :obj:`128`)
            length (int, optional): Tokens of a sequence. (default: :obj:`512`)
            seed (int, optional): Seed of shuffling and drawing. (default: :obj:`0`)

        Raises:
            CompressionError: If the texts are empty or shorter than one sequence.
        """
        if num_sequences < 1 or length < 1:
            raise CompressionError(
                "'num_sequences' and 'length' must be positive "
                f"(got {num_sequences} and {length})"
            )
        texts = [texts] if isinstance(texts, str) else texts
        random = generator(seed)
        tokens: list[int] = []
        for row in torch.randperm(len(texts), generator=random).tolist():
            text = texts[row].strip()
            if text:
                ids = tokenizer(text + "\n\n", add_special_tokens=False)["input_ids"]
                tokens.extend(ids)
            if len(tokens) >= num_sequences * length:
                break
        if not tokens:
            raise CompressionError("the calibration is empty; give it some text")
        windows = len(tokens) // length
        if windows == 0:
            raise CompressionError(
                f"the calibration has {len(tokens)} tokens, fewer than one sequence of "
                f"{length}; give it more text or a smaller 'length'"
            )
        cut = torch.tensor(tokens[: windows * length]).view(windows, length)
        return cls(cut[torch.randperm(windows, generator=random)[:num_sequences]])


def needed(calibration: Calibration | None, method: str) -> Calibration:
    """The calibration, or the error that there must be one.

    Args:
        calibration (Calibration, optional): What the user gave.
        method (str): What needs it, named in the error.

    Raises:
        CompressionError: If it is :obj:`None`.
    """
    if calibration is None:
        raise CompressionError(
            f"'{method}' needs a calibration; make one by Calibration.from_texts"
        )
    return calibration
