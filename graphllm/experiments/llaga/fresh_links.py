"""Links to learn from, drawn anew each epoch, and hidden while they are."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from graphllm.data import hide_links, undirected_links
from graphllm.experiments.llaga.questions import Batch, Questions, link_questions
from graphllm.graph_tokens import GraphTemplate
from graphllm.kernels.sample import stream_key
from graphllm.prompts.graph_prompt import GraphPrompt


@dataclass(frozen=True)
class FreshQuestions(Questions):
    """Questions that are others in every epoch.

    Args:
        of_epoch (Callable, optional): From an epoch to its questions, always as many.
    """

    of_epoch: Callable[[int], Questions] | None = None

    def at(self, epoch: int) -> Questions:
        """The questions of an epoch."""
        return super().at(epoch) if self.of_epoch is None else self.of_epoch(epoch)

    def batch(self, index: Tensor, epoch: int = 0) -> Batch:
        """Some of the questions of an epoch."""
        return self.at(epoch).batch(index, epoch)

    def take(self, index: Tensor) -> Questions:
        """A part of the questions of the first epoch; they stay as they are."""
        return self.at(0).take(index)


def fresh_links(
    template: GraphTemplate,
    x: Tensor,
    edge_index: Tensor,
    prompt: GraphPrompt,
    *,
    share: float = 0.3,
    seed: int = 0,
) -> FreshQuestions:
    """In each epoch, hide some of the links and ask about them.

    Of the links in ``edge_index``, so many are drawn for the epoch, with as many pairs
    that no link of ``edge_index`` joins; tokens are made of the other edges. So all
    training links are learned from sooner or later, and none is seen while it is.
    With one fixed choice, a projector knows its few pairs by heart after some epochs.
    Links that are to be scored are not known here, not even as pairs to avoid.

    Args:
        template (GraphTemplate): How nodes become sequences.
        x (Tensor): Vectors of the nodes, :math:`(|V|, F)`.
        edge_index (Tensor): :math:`(2, |E|)`, both directions, without any link that
            is to be scored.
        prompt (GraphPrompt): See :func:`~graphllm.prompts.graph_prompt.link_prompt`.
        share (float, optional): Share of the links that is asked about.
            (default: :obj:`0.3`)
        seed (int, optional): With the epoch, decides the draw. (default: :obj:`0`)

    Returns:
        FreshQuestions: Those of the first epoch, and a way to the others.
    """
    count = max(1, int(share * undirected_links(edge_index).size(0)))

    # An epoch is drawn once, not once a batch.
    @lru_cache(maxsize=1)
    def drawn(epoch: int) -> Questions:
        key = stream_key(seed, 3, epoch) & (2**63 - 1)
        generator = torch.Generator().manual_seed(key)
        hidden = hide_links(edge_index, x.size(0), count, generator)
        pairs = torch.cat([hidden.linked, hidden.unlinked])
        label = torch.cat([pairs.new_ones(count), pairs.new_zeros(count)])
        tokens = template.bind(x, hidden.edges)
        return link_questions(pairs, label, prompt, tokens)

    first = drawn(0)
    return FreshQuestions(prompt, None, first.items, first.answers, None, drawn)
