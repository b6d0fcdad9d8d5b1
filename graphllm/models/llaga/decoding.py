"""Greedy continuation of a batch that is padded on the left."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache


@torch.no_grad()
def greedy(
    llm: Any,
    embedded: Tensor,
    real: Tensor,
    position: Tensor,
    past: DynamicCache,
    *,
    max_new_tokens: int,
    ends: Sequence[int],
) -> list[list[int]]:
    """The likeliest next token, again and again, until each row has ended.

    No setting of the model's own generation file plays a part, so that the same
    question gets the same answer from any copy of the weights.

    Args:
        llm: A causal language model of transformers.
        embedded (Tensor): :math:`(B, L, D)` what follows the past.
        real (Tensor): :math:`(B, P + L)` false for padding, the past included.
        position (Tensor): :math:`(B, L)` positions of what follows the past.
        past (DynamicCache): Keys and values of :math:`P` positions; may be empty. It
            is extended.
        max_new_tokens (int): Longest answer.
        ends (Sequence[int]): Tokens that end an answer.

    Returns:
        list[list[int]]: New tokens of each row, without the one that ended it.
    """
    stops = torch.tensor(list(ends), dtype=torch.long, device=embedded.device)
    rows: list[list[int]] = [[] for _ in range(embedded.size(0))]
    open_rows = embedded.new_ones(len(rows), dtype=torch.bool)
    inputs: dict[str, Tensor] = {"inputs_embeds": embedded}
    for _ in range(max_new_tokens):
        logits = llm(
            **inputs,
            attention_mask=real.long(),
            position_ids=position,
            past_key_values=past,
            use_cache=True,
            logits_to_keep=1,
        ).logits
        found = logits[:, -1].argmax(-1)
        open_rows = open_rows & ~torch.isin(found, stops)
        if not bool(open_rows.any()):
            break
        for row, token in enumerate(found.tolist()):
            if open_rows[row]:
                rows[row].append(token)
        inputs = {"input_ids": found.unsqueeze(1)}
        real = torch.cat([real, real.new_ones(len(rows), 1)], 1)
        position = position[:, -1:] + 1
    return rows
