"""A language model that reads words and graph tokens in one sequence."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from graphllm.errors import PromptError
from graphllm.models.llaga.decoding import greedy
from graphllm.models.llaga.freeze import reach, recomputing
from graphllm.models.llaga.prefix import Prefix
from graphllm.models.llaga.scoring import Candidates, tree_mask
from graphllm.models.llaga.sequence import (
    Layout,
    PromptIds,
    lay_out,
    tokenize_prompt,
)
from graphllm.prompts.graph_prompt import GraphPrompt


class Reader:
    """Puts graph vectors between words and runs a causal language model on both.

    The constant part of each prompt is read once and kept (:class:`Prefix`), as long
    as the model does not change.

    Args:
        llm: A causal language model of transformers.
        tokenizer: Its tokenizer.
        keep_pads (bool): Whether PAD tokens of graphs take part.
        recompute (bool): Whether activations are recomputed in a backward pass, where
            the prefix is not shared.
    """

    def __init__(
        self, llm: Any, tokenizer: Any, keep_pads: bool, recompute: bool
    ) -> None:
        self.llm = llm
        self.tokenizer = tokenizer
        self.keep_pads = keep_pads
        self.recompute = recompute
        self.reach = reach(llm)
        self._prefixes: dict[tuple[int, ...], Prefix] = {}
        self._prompts: dict[GraphPrompt, PromptIds] = {}

    def forget(self) -> None:
        """Drop what was kept of prompts: the model has changed."""
        self._prefixes.clear()

    def lay_out(
        self,
        prompt: GraphPrompt,
        masks: Sequence[Tensor],
        texts: Sequence[str] | None,
        tails: Sequence[Sequence[int]],
        room: int,
    ) -> tuple[tuple[int, ...], Layout]:
        """Tokens of the constant part, and the batch of what follows it.

        Args:
            prompt (GraphPrompt): The question.
            masks (Sequence[Tensor]): :math:`(B, T)` of each graph.
            texts (Sequence[str], optional): The nodes' own texts.
            tails (Sequence[Sequence[int]]): Tokens to follow each question.
            room (int): Tokens that will follow after that, at most.

        Raises:
            PromptError: If a question is longer than the model can read.
        """
        if texts is None:
            ids = self._prompts.get(prompt)
            if ids is None:
                ids = self._prompts[prompt] = tokenize_prompt(self.tokenizer, prompt)
            parts = [ids] * len(tails)
        else:
            parts = [tokenize_prompt(self.tokenizer, prompt, text) for text in texts]
        bodies = [(*part.body, *tail) for part, tail in zip(parts, tails, strict=True)]
        prefix, layout = parts[0].prefix, lay_out(bodies, masks, self.keep_pads)
        length = len(prefix) + layout.ids.size(1) + room
        if self.reach is not None and length > self.reach:
            raise PromptError(
                f"a question of prompt '{prompt.name}' has {length} tokens with its "
                f"answer, and {self.llm.config.model_type} sees {self.reach} at once; "
                "shorten the texts, the graph or the class list"
            )
        return prefix, layout

    def embed(self, layout: Layout, graphs: Tensor | None) -> Tensor:
        """Word and graph vectors in their places, :math:`(B, L, D)`."""
        device = self.llm.device
        words = self.llm.get_input_embeddings()(layout.ids.to(device))
        if graphs is None:
            return words
        slot = layout.slot.to(device)
        placed = graphs.to(words.dtype)[slot.clamp_min(0)]
        return torch.where((slot >= 0).unsqueeze(-1), placed, words)

    def _sequence(
        self,
        prefix: tuple[int, ...],
        layout: Layout,
        graphs: Tensor | None,
        share: bool,
    ) -> tuple[Tensor, Tensor, Tensor, DynamicCache | None]:
        """What is to be read now, and what has been read before.

        Returns:
            tuple: Vectors to read; which positions are real, those read before
            included; positions of the vectors; keys and values of the constant part,
            where it is shared.
        """
        embedded = self.embed(layout, graphs)
        device, rows = embedded.device, embedded.size(0)
        real = layout.real.to(device)
        real = torch.cat([real.new_ones(rows, len(prefix)), real], 1)
        position = layout.position.to(device) + len(prefix)
        if share:
            return embedded, real, position, self._past(prefix).expand(rows)
        head = torch.tensor(prefix, device=device)
        words = self.llm.get_input_embeddings()(head).expand(rows, -1, -1)
        start = torch.arange(len(prefix), device=device).expand(rows, -1)
        return (
            torch.cat([words, embedded], 1),
            real,
            torch.cat([start, position], 1),
            None,
        )

    def _past(self, prefix: tuple[int, ...]) -> Prefix:
        if prefix not in self._prefixes:
            self._prefixes[prefix] = Prefix(self.llm, prefix)
        return self._prefixes[prefix]

    def logits(
        self,
        prefix: tuple[int, ...],
        layout: Layout,
        graphs: Tensor | None,
        wanted: Tensor,
        share: bool,
    ) -> Tensor:
        """Logits of the wanted ones among the last positions.

        Args:
            prefix (tuple[int, ...]): Tokens of the constant part.
            layout (Layout): The batch.
            graphs (Tensor, optional): Projected graph tokens.
            wanted (Tensor): :math:`(B, K)` which of the last :math:`K` positions.
            share (bool): Whether the constant part is read once.

        Returns:
            Tensor: :math:`(n, V)`, row by row.
        """
        full, real, position, past = self._sequence(prefix, layout, graphs, share)
        return self._run(full, real.long(), position, past, wanted)

    def tree_logits(
        self,
        prefix: tuple[int, ...],
        layout: Layout,
        graphs: Tensor | None,
        packed: Candidates,
        share: bool,
    ) -> Tensor:
        """Logits of the question's end and of every candidate token read."""
        full, real, position, past = self._sequence(prefix, layout, graphs, share)
        rows, read = real.size(0), len(prefix) if share else 0
        mask = tree_mask(real[:, read:], read, packed.owner, full.dtype)
        tail = self.llm.get_input_embeddings()(packed.ids)
        full = torch.cat([full, tail.to(full.dtype).expand(rows, -1, -1)], 1)
        position = torch.cat([position, position[:, -1:] + 1 + packed.position], 1)
        keep = packed.ids.numel() + 1
        logits = self._run(full, mask, position, past, real.new_ones(rows, keep))
        return logits.view(rows, keep, -1)

    def write(
        self,
        prefix: tuple[int, ...],
        layout: Layout,
        graphs: Tensor | None,
        limit: int,
        ends: Sequence[int],
        share: bool,
    ) -> list[list[int]]:
        """Greedy continuation of each question, at most ``limit`` tokens."""
        full, real, position, past = self._sequence(prefix, layout, graphs, share)
        if past is None:
            past = DynamicCache(config=self.llm.config)
        return greedy(
            *(self.llm, full, real, position, past), max_new_tokens=limit, ends=ends
        )

    def _run(
        self,
        embedded: Tensor,
        mask: Tensor,
        position: Tensor,
        past: DynamicCache | None,
        wanted: Tensor,
    ) -> Tensor:
        # A block that is recomputed would extend the keys and values a second time.
        again = self.recompute and past is None and torch.is_grad_enabled()
        with ExitStack() as stack:
            stack.enter_context(only_rows(self.llm, wanted.to(embedded.device)))
            if again:
                stack.enter_context(recomputing(self.llm))
            return self.llm(
                inputs_embeds=embedded,
                attention_mask=mask,
                position_ids=position,
                past_key_values=past,
                use_cache=past is not None,
                logits_to_keep=wanted.size(1),
            ).logits


@contextmanager
def only_rows(llm: Any, wanted: Tensor) -> Iterator[None]:
    """Let a model's last layer read the wanted positions alone, as one matrix.

    The last layer is as large as a fifth of a small model. Over a padded batch it
    would be computed where nothing is asked; and a batch of slices is multiplied
    three times slower than a matrix.

    Args:
        llm: A causal language model.
        wanted (Tensor): :math:`(B, K)` of the positions that reach the last layer.
    """

    def select(_: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (inputs[0][wanted], *inputs[1:])

    hook = llm.get_output_embeddings().register_forward_pre_hook(select)
    try:
        yield
    finally:
        hook.remove()
