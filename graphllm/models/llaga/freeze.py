"""What is done to a language model before graph tokens go through it."""

import inspect
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from torch.utils.checkpoint import checkpoint

from graphllm._optional import require
from graphllm.errors import LLMError

_ATTENTION = {"full_attention", "sliding_attention", "chunked_attention"}


def freeze(llm: Any) -> None:
    """Evaluation mode, and no gradient for any weight.

    Raises:
        LLMError: If the model takes no positions (padding and shared prefixes shift
            them), keeps a state in place of keys and values, or has an attention that
            knows no mask of one's own.
    """
    name = type(llm).__name__
    takes = inspect.signature(llm.forward).parameters
    if "position_ids" not in takes or "logits_to_keep" not in takes:
        raise LLMError(
            f"{name} takes no position_ids or no logits_to_keep; use a model with "
            "rotary or learned positions (Llama, Mistral, Qwen, GPT-2, GPT-NeoX, OPT, "
            "...)"
        )
    config = llm.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ()) - _ATTENTION
    if kinds:
        raise LLMError(
            f"{name} has layers of kind {', '.join(sorted(kinds))}, whose memory of a "
            "prompt cannot be shared; use a model with attention in every layer"
        )
    kind = getattr(config, "_attn_implementation", None) or "eager"
    if kind not in ("eager", "sdpa"):
        raise LLMError(
            f"the attention '{kind}' takes no mask for several answers at once; load "
            "the model with attn_implementation='sdpa'"
        )
    llm.eval().requires_grad_(False)


def reach(llm: Any) -> int | None:
    """Longest sequence in which every token sees all before it.

    The smaller one of the positions that the model knows and of the window of its
    attention, where it has one; :obj:`None` where it has neither.
    """
    config = llm.config.get_text_config()
    names = ("max_position_embeddings", "sliding_window", "attention_chunk_size")
    limits = [getattr(config, name, None) for name in names]
    return min((limit for limit in limits if limit), default=None)


@contextmanager
def recomputing(llm: Any) -> Iterator[None]:
    """Let what is read inside be recomputed in the backward pass, block by block.

    What transformers offers for this works in training mode alone, and drops keys and
    values there; the model stays in evaluation mode for the sake of its dropout.
    """
    from transformers.modeling_layers import GradientCheckpointingLayer

    blocks = [m for m in llm.modules() if isinstance(m, GradientCheckpointingLayer)]
    before = [vars(block).get("forward") for block in blocks]
    try:
        for block in blocks:
            block.forward = _recomputed(block.forward)
        yield
    finally:
        for block, forward in zip(blocks, before, strict=True):
            if forward is None:
                del block.forward
            else:
                block.forward = forward


def _recomputed(forward: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        return checkpoint(partial(forward, **kwargs), *args, use_reentrant=False)

    return run


def add_lora(llm: Any, rank: int) -> Any:
    """Trained low-rank adapters in the attention of every block.

    Args:
        llm: A frozen causal language model.
        rank (int): Rank of each adapter; they are scaled by two.

    Raises:
        LLMError: If the rank is not positive.
        MissingExtraError: If peft is not installed.
    """
    if rank < 1:
        raise LLMError(f"lora_rank must be at least 1, not {rank}")
    peft = require("peft", "train", "LLaGA with lora_rank")
    config = peft.LoraConfig(
        r=rank,
        lora_alpha=2 * rank,
        lora_dropout=0.0,
        # GPT-2 keeps its weights transposed, in a layer of its own.
        fan_in_fan_out=any(type(m).__name__ == "Conv1D" for m in llm.modules()),
        task_type="CAUSAL_LM",
    )
    with warnings.catch_warnings():
        # peft asks transformers by an old name; no user can change that.
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing")
        return peft.get_peft_model(llm, config)
