"""From answers in words to rows of numbers."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from graphllm.enhance.answers import Answer

Encoder = Callable[[list[str]], Tensor]


class Encoded(NamedTuple):
    """Answers in the space of the encoder.

    Args:
        llm_index (Tensor): Nodes with at least one usable answer, ascending,
            :math:`(b)`.
        x_answer (Tensor): Mean over the usable answers of each node, :math:`(b, F)`.
        x_answers (Tensor): One row a prompt, :math:`(b, P, F)`; zero where there is
            no usable answer.
        view_mask (Tensor): Where there is one, :math:`(b, P)` ``bool``.
    """

    llm_index: Tensor
    x_answer: Tensor
    x_answers: Tensor
    view_mask: Tensor


def encode_answers(
    answers: Sequence[Answer], prompts: Sequence[str], encoder: Encoder, x: Tensor
) -> Encoded:
    """Encode every answer apart, and average those of a node.

    An answer in several weighted parts is the weighted mean of its parts.

    Args:
        answers (Sequence[Answer]): To any of the prompts.
        prompts (Sequence[str]): ``name@version`` of the :math:`P` prompts, in the
            order of the views.
        encoder (Callable): ``list[str] -> Tensor`` of shape :math:`(n, F)`.
        x (Tensor): Plain features; their width, type and device are followed.

    Returns:
        Encoded: On the device of ``x``.
    """
    usable = [answer for answer in answers if answer.parts]
    asked = torch.tensor([answer.node for answer in usable], dtype=torch.long)
    index, group = torch.unique(asked, return_inverse=True)
    column = torch.tensor([prompts.index(a.template) for a in usable]).long()
    # One flat row a node and prompt.
    place = group * len(prompts) + column
    mask = torch.zeros(index.numel() * len(prompts), dtype=torch.bool)
    mask[place] = True
    flat = x.new_zeros(mask.numel(), x.size(1))
    texts = [text for answer in usable for text, _ in answer.parts]
    if texts:
        weight = torch.tensor([w for answer in usable for _, w in answer.parts])
        owner = place.repeat_interleave(
            torch.tensor([len(answer.parts) for answer in usable])
        )
        rows = encoder(texts).to(x) * weight.to(x).view(-1, 1)
        flat.index_add_(0, owner.to(x.device), rows)
    views = flat.view(index.numel(), len(prompts), x.size(1))
    mask = mask.view(index.numel(), len(prompts)).to(x.device)
    mean = views.sum(dim=1) / mask.sum(dim=1, keepdim=True)
    return Encoded(index.to(x.device), mean, views, mask)
