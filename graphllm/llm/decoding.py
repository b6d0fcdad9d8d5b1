"""Decoding a batch whose rows have their own limits, stop strings and seeds."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import LogitsProcessor, StoppingCriteria

from graphllm.llm.base import Request


class RowStop(StoppingCriteria):
    """Ends each row at its own token limit or stop string.

    Args:
        requests (Sequence[Request]): One a row; ``stop`` is read.
        limits (Sequence[int]): Most new tokens of each row.
        width (int): Columns of the prompt.
        tokenizer: Decodes a row, where it has stop strings.
    """

    def __init__(
        self,
        requests: Sequence[Request],
        limits: Sequence[int],
        width: int,
        tokenizer: Any,
    ) -> None:
        self.stops = [request.stop for request in requests]
        self.limits = torch.tensor(limits)
        self.width = width
        self.tokenizer = tokenizer

    def __call__(self, input_ids: Tensor, scores: object, **_: object) -> Tensor:
        """Tell which rows are done, of shape ``(batch_size)``."""
        written = input_ids.size(1) - self.width
        done = self.limits <= written
        for row, stops in enumerate(self.stops):
            if stops and not done[row]:
                text = self.tokenizer.decode(input_ids[row, self.width :])
                done[row] = any(stop in text for stop in stops)
        return done.to(input_ids.device)


class RowSampler(LogitsProcessor):
    r"""Samples some rows of a batch while the others stay greedy.

    The Gumbel-max trick: for :math:`g_v \sim \mathrm{Gumbel}(0, 1)`,

    .. math::
        \arg\max_v \left( \frac{\ell_v}{T} + g_v \right)
        \sim \mathrm{softmax}(\ell / T),

    so greedy decoding of the changed logits is a sample. Tokens outside the smallest
    set with mass ``top_p`` are removed first. Each row draws from a generator of its
    own, on the CPU, seeded by its request: an answer depends neither on the other
    rows nor on the device, and the global generator is left alone. Without a seed
    the row's seed is drawn from the global generator.

    Args:
        requests (Sequence[Request]): One a row; ``temperature``, ``top_p`` and
            ``seed`` are read.
    """

    def __init__(self, requests: Sequence[Request]) -> None:
        self.rows: list[tuple[int, Request, torch.Generator]] = []
        for row, request in enumerate(requests):
            if request.temperature > 0:
                seed = request.seed
                if seed is None:
                    seed = int(torch.randint(2**63 - 1, ()).item())
                generator = torch.Generator().manual_seed(seed)
                self.rows.append((row, request, generator))

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Add noise to the sampled rows, of shape ``(batch_size, vocab_size)``."""
        scores = scores.clone()
        for row, request, generator in self.rows:
            logits = scores[row].float() / request.temperature
            logits = keep_top_p(logits, request.top_p)
            uniform = torch.rand(logits.numel(), generator=generator)
            # Away from 0 and 1, where the double logarithm is infinite.
            uniform = uniform.clamp(1e-20, 1 - 2**-24)
            gumbel = -torch.log(-torch.log(uniform))
            scores[row] = (logits + gumbel.to(logits.device)).to(scores.dtype)
        return scores


def keep_top_p(logits: Tensor, top_p: float) -> Tensor:
    """Set to minus infinity what lies outside the smallest set of mass ``top_p``.

    Args:
        logits (Tensor): Of shape ``(vocab_size)``.
        top_p (float): Mass to keep, in (0, 1]. The likeliest token always stays.
    """
    if top_p >= 1:
        return logits
    ordered, order = logits.sort(descending=True)
    mass = ordered.softmax(-1)
    drop = mass.cumsum(-1) - mass >= top_p
    drop[0] = False
    return logits.index_fill(0, order[drop], float("-inf"))


def cut(text: str, stops: Sequence[str]) -> tuple[str, bool]:
    """The text up to the first stop string, and whether there was one."""
    found = [place for stop in stops if (place := text.find(stop)) >= 0]
    return (text[: min(found)], True) if found else (text, False)
