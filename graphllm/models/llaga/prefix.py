"""Keys and values of the part of a prompt that all nodes share."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache


class Prefix:
    """What a frozen language model remembers of the constant part of a prompt.

    A causal model's keys and values at a position depend on nothing after it. The
    model is frozen, so no gradient flows there either: they are computed once and
    shared by every batch, in training and in scoring.

    Args:
        llm: A causal language model of transformers.
        ids (Sequence[int]): Tokens of the constant part.
    """

    def __init__(self, llm: Any, ids: Sequence[int]) -> None:
        self.length = len(ids)
        self._config = llm.config
        # Not inference mode, nor inside one: what it makes may not be saved for a
        # backward pass, and a training step may come after the first scoring.
        with torch.inference_mode(False), torch.no_grad():
            tokens = torch.tensor([list(ids)], device=llm.device)
            cache = DynamicCache(config=llm.config)
            output = llm(
                tokens, past_key_values=cache, use_cache=True, logits_to_keep=1
            )
        self._layers: list[tuple[Tensor, Tensor]] = [
            (layer.keys, layer.values) for layer in output.past_key_values.layers
        ]

    def expand(self, batch_size: int) -> DynamicCache:
        """A cache for a batch, which the model may extend."""
        return DynamicCache(
            [
                (
                    keys.expand(batch_size, -1, -1, -1),
                    values.expand(batch_size, -1, -1, -1),
                )
                for keys, values in self._layers
            ],
            config=self._config,
        )
