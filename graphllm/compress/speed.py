"""Tokens a second, measured and never derived."""

import time
from collections.abc import Mapping
from statistics import median
from typing import Any, NamedTuple

import torch
from torch import Tensor

from graphllm.errors import CompressionError


class Speed(NamedTuple):
    """Tokens a second of one sequence, medians over the repeats.

    Args:
        prefill (float): Tokens of the prompt read a second.
        decode (float): Tokens written a second.
        prefill_cpu (float): The same against CPU time of all threads, which other
            programs on the machine disturb less.
        decode_cpu (float): As above.
    """

    prefill: float
    decode: float
    prefill_cpu: float
    decode_cpu: float


def speed(
    model: Any,
    prefill: int = 192,
    decode: int = 32,
    repeats: int = 3,
    prompt: Tensor | None = None,
) -> Speed:
    """Measure one model; to compare models, use :func:`compare_speed`.

    Args:
        model (PreTrainedModel): A causal language model, on any device.
        prefill (int, optional): Tokens of the prompt. (default: :obj:`192`)
        decode (int, optional): Tokens written after it, greedily, whether or not the
            model would end before. (default: :obj:`32`)
        repeats (int, optional): Measurements, after one that is not counted.
            (default: :obj:`3`)
        prompt (Tensor, optional): Token ids whose first ``prefill`` are read. Give a
            text where the work depends on it. (default: tokens drawn from one seed)

    Raises:
        CompressionError: If a number is not positive or the prompt is too short.
    """
    return compare_speed({"": model}, prefill, decode, repeats, prompt)[""]


def compare_speed(
    models: Mapping[str, Any],
    prefill: int = 192,
    decode: int = 32,
    repeats: int = 3,
    prompt: Tensor | None = None,
) -> dict[str, Speed]:
    """Measure several models in turns, so that a busy minute hits all alike.

    Args:
        models (Mapping[str, PreTrainedModel]): The models by name.
        prefill (int, optional): As in :func:`speed`. (default: :obj:`192`)
        decode (int, optional): As there. (default: :obj:`32`)
        repeats (int, optional): As there. (default: :obj:`3`)
        prompt (Tensor, optional): As there.

    Returns:
        dict[str, Speed]: By name, in the same order.

    Raises:
        CompressionError: As :func:`speed`.
    """
    if min(prefill, decode, repeats) < 1:
        raise CompressionError(
            "'prefill', 'decode' and 'repeats' must be positive "
            f"(got {prefill}, {decode} and {repeats})"
        )
    if prompt is not None and prompt.numel() < prefill:
        raise CompressionError(
            f"the prompt has {prompt.numel()} tokens, fewer than 'prefill' ({prefill})"
        )
    times: dict[str, list[Speed]] = {name: [] for name in models}
    for repeat in range(repeats + 1):
        for name, model in models.items():
            ids = _prompt(model, prefill) if prompt is None else prompt[:prefill]
            measured = _measure(model, ids.to(model.device).unsqueeze(0), decode)
            if repeat:
                times[name].append(measured)
    return {
        name: Speed(*map(median, zip(*each, strict=True)))
        for name, each in times.items()
    }


def _prompt(model: Any, length: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    words = model.config.get_text_config().vocab_size
    return torch.randint(words, (length,), generator=generator)


@torch.inference_mode()
def _measure(model: Any, ids: Tensor, decode: int) -> Speed:
    model.eval()
    begun = _clock(model)
    # Generation asks for the logits of the last token alone.
    output = model(input_ids=ids, use_cache=True, logits_to_keep=1)
    token = output.logits[:, -1:].argmax(-1)
    read = _clock(model)
    for _ in range(decode):
        output = model(
            input_ids=token, past_key_values=output.past_key_values, use_cache=True
        )
        token = output.logits[:, -1:].argmax(-1)
    written = _clock(model)
    seconds = [late - soon for soon, late in zip(begun, read, strict=True)]
    after = [late - soon for soon, late in zip(read, written, strict=True)]
    return Speed(
        ids.size(1) / seconds[0],
        decode / after[0],
        ids.size(1) / seconds[1],
        decode / after[1],
    )


def _clock(model: Any) -> tuple[float, float]:
    if model.device.type != "cpu":
        torch.accelerator.synchronize(model.device)
    return time.perf_counter(), time.process_time()
