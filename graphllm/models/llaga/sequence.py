"""From prompts and graph tokens to one padded batch of positions."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from graphllm.errors import PromptError
from graphllm.graph_tokens import GraphTokens
from graphllm.llm.chat_template import render_chat
from graphllm.prompts.graph_prompt import GRAPH, TEXT, GraphPrompt

GRAPH_ID = -1


class PromptIds(NamedTuple):
    """A prompt as token ids.

    Args:
        prefix (tuple[int, ...]): What all nodes share, at least one token.
        body (tuple[int, ...]): What follows; :obj:`GRAPH_ID` stands for a graph.
    """

    prefix: tuple[int, ...]
    body: tuple[int, ...]


class Layout(NamedTuple):
    """Where everything of a batch stands, padded on the left.

    Args:
        ids (Tensor): :math:`(B, L)` token ids; zero where there is no word.
        slot (Tensor): :math:`(B, L)` row among the batch's graph tokens; ``-1``
            where there is none.
        real (Tensor): :math:`(B, L)` false for padding.
        position (Tensor): :math:`(B, L)` position, counted from the prefix's end.
    """

    ids: Tensor
    slot: Tensor
    real: Tensor
    position: Tensor


def tokenize_prompt(
    tokenizer: Any, prompt: GraphPrompt, text: str | None = None
) -> PromptIds:
    """Render a chat, split it at its places, and tokenise each part by itself.

    Parts are split as strings before they are tokenised, so that nothing depends on
    how a tokenizer treats a made-up word. The start token is there once: written out
    by a chat template, added by the tokenizer where there is none. In a node's text
    nothing is special: neither places nor the tokenizer's own marks.

    Args:
        tokenizer: A tokenizer of transformers.
        prompt (GraphPrompt): The prompt.
        text (str, optional): For the place of the node's own text.

    Returns:
        PromptIds: The tokens.

    Raises:
        PromptError: If the text is missing, or nothing stands before the first
            place.
    """
    if prompt.has_text and text is None:
        raise PromptError(
            f"the prompt '{prompt.name}' quotes the nodes' texts; give one a question"
        )
    chat = render_chat(tokenizer, prompt.messages)
    has_template = bool(getattr(tokenizer, "chat_template", None))
    # The part that all share ends at the first place of either kind.
    place = min(at for mark in (GRAPH, TEXT) if (at := chat.find(mark)) >= 0)
    prefix = tokenizer(chat[:place], add_special_tokens=not has_template)["input_ids"]
    if not has_template and prefix and prefix[-1] == tokenizer.eos_token_id:
        prefix = prefix[:-1]
    if has_template:
        prefix = [*_missing_start(tokenizer, prefix), *prefix]
    body: list[int] = []
    if chat.endswith((GRAPH, TEXT)):
        # The answer may be predicted from here: a text can be empty, and a graph of
        # PAD tokens alone is, so a word of the constant part is read again.
        body, prefix = prefix[-1:], prefix[:-1]
    if not prefix:
        raise PromptError(
            f"nothing stands before the graph in prompt '{prompt.name}'; give it an "
            "instruction"
        )
    for number, part in enumerate(chat[place:].split(GRAPH)):
        if number:
            body.append(GRAPH_ID)
        before, mark, after = part.partition(TEXT)
        body += _words(tokenizer, before)
        if mark:
            body += _words(tokenizer, text or "", split_special_tokens=True)
            body += _words(tokenizer, after)
    return PromptIds(tuple(prefix), tuple(body))


def count_rows(
    prompt: GraphPrompt, tokens: Sequence[GraphTokens], texts: Sequence[str] | None
) -> int:
    """How many questions there are.

    Raises:
        PromptError: If there are none, or graphs and texts do not fit the prompt or
            each other.
    """
    if len(tokens) != prompt.num_graphs:
        raise PromptError(
            f"the prompt '{prompt.name}' has {prompt.num_graphs} places for graphs "
            f"and got {len(tokens)}"
        )
    sizes = [each.x.size(0) for each in tokens]
    if prompt.has_text and texts is not None:
        sizes.append(len(texts))
    if len(set(sizes)) > 1:
        raise PromptError(
            "graphs and texts of a batch must have a row each for every question, got "
            f"{' and '.join(map(str, sizes))} rows"
        )
    if not sizes or not sizes[0]:
        lacks = "texts" if prompt.has_text and texts is None else "questions"
        raise PromptError(f"a batch without {lacks} for prompt '{prompt.name}'")
    return sizes[0]


def _missing_start(tokenizer: Any, prefix: Sequence[int]) -> list[int]:
    """The start token, where the tokenizer adds one and a chat template forgot it."""
    start = tokenizer.bos_token_id
    added = tokenizer("", add_special_tokens=True)["input_ids"]
    if start is None or start not in added or start in prefix[:1]:
        return []
    return [start]


def tokenize_answer(tokenizer: Any, answer: str) -> list[int]:
    """Tokens of an answer with the end token after it.

    A base model without a chat template reads the answer as the next word, after a
    blank; a chat template has already ended the line.

    Raises:
        PromptError: If the answer has no tokens.
    """
    lead = "" if getattr(tokenizer, "chat_template", None) else " "
    # A title may quote a token that ends a turn; in an answer it is plain characters.
    ids = list(
        tokenizer(lead + answer, add_special_tokens=False, split_special_tokens=True)[
            "input_ids"
        ]
    )
    if not answer.strip() or not ids:
        raise PromptError("an answer has no words")
    if tokenizer.eos_token_id is not None:
        ids.append(tokenizer.eos_token_id)
    return ids


def refuse_alike(answers: Sequence[str], tails: Sequence[Sequence[int]]) -> None:
    """Refuse answers of which one could never win.

    Args:
        answers (Sequence[str]): The candidates.
        tails (Sequence[Sequence[int]]): Their tokens.

    Raises:
        PromptError: If two have the same tokens.
    """
    first: dict[tuple[int, ...], str] = {}
    for answer, tail in zip(answers, tails, strict=True):
        other = first.setdefault(tuple(tail), answer)
        if other is not answer:
            raise PromptError(
                f"'{other}' and '{answer}' are the same to this model's tokenizer; "
                "rename one, or use another model"
            )


def lay_out(
    bodies: Sequence[Sequence[int]], masks: Sequence[Tensor], keep_pads: bool
) -> Layout:
    """Put words and graph tokens into one batch, padded on the left.

    Args:
        bodies (Sequence[Sequence[int]]): Tokens of each row, graphs as
            :obj:`GRAPH_ID`.
        masks (Sequence[Tensor]): :math:`(B, T)` of each graph of a row, false for
            PAD tokens; graph tokens count row by row over the graphs of a batch: all
            rows of the first graph, then of the second.
        keep_pads (bool): Whether PAD tokens take part. Otherwise they are left out,
            which is what masking them means, only cheaper.

    Returns:
        Layout: On the CPU.
    """
    offset = 0
    slots: list[list[list[int]]] = []
    for mask in masks:
        rows, width = mask.shape
        kept = (torch.ones_like(mask) if keep_pads else mask).tolist()
        slots.append(
            [
                [offset + row * width + at for at in range(width) if kept[row][at]]
                for row in range(rows)
            ]
        )
        offset += rows * width
    ids, places = [], []
    for row, body in enumerate(bodies):
        words, where, graph = [], [], 0
        for token in body:
            if token == GRAPH_ID:
                words += [0] * len(slots[graph][row])
                where += slots[graph][row]
                graph += 1
            else:
                words.append(token)
                where.append(-1)
        ids.append(words)
        places.append(where)
    length = max(map(len, ids))
    real = torch.tensor([[0] * (length - len(r)) + [1] * len(r) for r in ids]).bool()
    return Layout(
        torch.tensor([[0] * (length - len(row)) + row for row in ids]),
        torch.tensor([[-1] * (length - len(row)) + row for row in places]),
        real,
        (real.long().cumsum(1) - 1).clamp_min(0),
    )


def _words(tokenizer: Any, text: str, **options: bool) -> list[int]:
    if not text:
        return []
    return list(tokenizer(text, add_special_tokens=False, **options)["input_ids"])
