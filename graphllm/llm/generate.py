"""One batch through ``generate``: padded on the left, every row with its own end."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessorList, StoppingCriteriaList

from graphllm.llm.base import Request
from graphllm.llm.decoding import RowSampler, RowStop

_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


def generate_rows(
    model: Any,
    tokenizer: Any,
    requests: Sequence[Request],
    prompts: Sequence[Sequence[int]],
    limits: Sequence[int],
    ends: Sequence[int],
) -> list[Tensor]:
    """Continue a batch of prompts.

    Args:
        model: A causal language model of transformers.
        tokenizer: Its tokenizer; it is not changed.
        requests (Sequence[Request]): One a row; sampling and stop strings are read.
        prompts (Sequence[Sequence[int]]): Token ids of each prompt.
        limits (Sequence[int]): Most new tokens of each row.
        ends (Sequence[int]): Tokens that end an answer.

    Returns:
        list[Tensor]: New tokens of each row, at most its limit, on the CPU. A row
        that ended sooner than others is filled up with the padding token.
    """
    width = max(map(len, prompts))
    ids = torch.full((len(prompts), width), padding_token(tokenizer, ends))
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt) :] = torch.tensor(prompt)
        mask[row, width - len(prompt) :] = 1
    with torch.inference_mode():
        output = model.generate(
            input_ids=ids.to(model.device),
            attention_mask=mask.to(model.device),
            generation_config=_greedy(max(limits), tokenizer, ends),
            logits_processor=LogitsProcessorList([RowSampler(requests)]),
            stopping_criteria=StoppingCriteriaList(
                [RowStop(requests, limits, width, tokenizer)]
            ),
        )
    new = output[:, width:].cpu()
    return [row[:limit] for row, limit in zip(new, limits, strict=True)]


def answer_length(row: Tensor, tokenizer: Any, ends: Sequence[int]) -> int:
    """New tokens of a row before its end token or padding."""
    stops = torch.tensor([*ends, padding_token(tokenizer, ends)])
    found = torch.isin(row, stops).nonzero()
    return int(found[0]) if len(found) else len(row)


def end_tokens(model: Any, tokenizer: Any) -> list[int]:
    """Tokens that end an answer, by the model's file and by the tokenizer."""
    given = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    ends = set(given if isinstance(given, list) else [given])
    ends.add(tokenizer.eos_token_id)
    return sorted(int(end) for end in ends if end is not None)


def padding_token(tokenizer: Any, ends: Sequence[int]) -> int:
    """The token that fills rows up; an end token where the tokenizer has none."""
    pad = tokenizer.pad_token_id
    return int(pad if pad is not None else ends[0] if ends else 0)


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether an error says that memory ran out, on any device."""
    if isinstance(error, torch.OutOfMemoryError):
        return True
    return any(sign in str(error).lower() for sign in _MEMORY)


def _greedy(
    max_new_tokens: int, tokenizer: Any, ends: Sequence[int]
) -> GenerationConfig:
    # Written out, because what is left open is filled from the model's own file.
    return GenerationConfig(
        max_new_tokens=max_new_tokens,
        do_sample=False,
        num_beams=1,
        temperature=1.0,
        top_p=1.0,
        top_k=50,
        repetition_penalty=1.0,
        no_repeat_ngram_size=0,
        pad_token_id=padding_token(tokenizer, ends),
        eos_token_id=list(ends) or None,
    )
