"""Nodes, pairs and answers as questions to a language model."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.errors import TextGraphError
from graphllm.graph_tokens import GraphTokens, NodeTokens
from graphllm.models.llaga import LLaGA
from graphllm.models.llaga.sequence import tokenize_answer
from graphllm.prompts.graph_prompt import GraphPrompt


class Batch(NamedTuple):
    """What :meth:`graphllm.LLaGA.forward` is called with.

    Args:
        prompt (GraphPrompt): The question.
        tokens (list[GraphTokens]): One entry a place.
        answers (list[str]): One a row.
        texts (list[str], optional): Own texts, where the prompt quotes them.
    """

    prompt: GraphPrompt
    tokens: list[GraphTokens]
    answers: list[str]
    texts: list[str] | None


@dataclass(frozen=True)
class Questions:
    """One prompt asked about many nodes or pairs of one graph.

    Args:
        prompt (GraphPrompt): The question.
        tokens (NodeTokens, optional): Graph tokens of the graph's nodes; none for a
            prompt without graphs.
        items (Tensor): :math:`(M)` nodes or :math:`(M, 2)` pairs.
        answers (Sequence[str]): :math:`M` true answers.
        texts (Sequence[str], optional): :math:`M` texts, where the prompt quotes them.
    """

    prompt: GraphPrompt
    tokens: NodeTokens | None
    items: Tensor
    answers: Sequence[str]
    texts: Sequence[str] | None = None

    def __len__(self) -> int:
        return self.items.size(0)

    @cached_property
    def target(self) -> Tensor:
        """Index of the true answer among the candidates, :math:`(M)`."""
        place = {name: index for index, name in enumerate(self.prompt.candidates)}
        return torch.tensor([place[answer] for answer in self.answers])

    @property
    def fingerprint(self) -> str:
        """Hash of prompt, items, answers and texts; of the graph it says nothing."""
        read = (self.prompt, self.items.tolist(), list(self.answers), self.texts)
        return hashlib.blake2b(repr(read).encode(), digest_size=8).hexdigest()

    def at(self, epoch: int) -> "Questions":
        """The questions of an epoch: always these."""
        return self

    def batch(self, index: Tensor, epoch: int = 0) -> Batch:
        """Some of the questions; ``epoch`` draws new trees where a template does."""
        items, rows = self.items[index], index.tolist()
        tokens: list[GraphTokens] = []
        if self.tokens is not None:
            if items.dim() == 2:
                tokens = list(self.tokens.pairs(items, epoch=epoch))
            else:
                tokens = [self.tokens(items, epoch=epoch)]
        texts = None if self.texts is None else [self.texts[row] for row in rows]
        answers = [self.answers[row] for row in rows]
        return Batch(self.prompt, tokens, answers, texts)

    def take(self, index: Tensor) -> "Questions":
        """A part of the questions."""
        rows = index.tolist()
        texts = None if self.texts is None else [self.texts[row] for row in rows]
        answers = [self.answers[row] for row in rows]
        return replace(self, items=self.items[index], answers=answers, texts=texts)

    def draw(self, count: int | None, seed: int) -> "Questions":
        """All questions, or ``count`` of them where there are more, in their order."""
        if count is None or len(self) <= count:
            return self
        generator = torch.Generator().manual_seed(seed)
        chosen = torch.randperm(len(self), generator=generator)[:count]
        return self.take(chosen.sort().values)


def node_questions(
    data: Data,
    nodes: Tensor,
    prompt: GraphPrompt,
    tokens: NodeTokens | None,
    max_characters: int = 2000,
) -> Questions:
    """Which class? A question a node.

    Args:
        data (Data): A text graph with labels.
        nodes (Tensor): Node ids, or a mask.
        prompt (GraphPrompt): See
            :func:`~graphllm.prompts.graph_prompt.classification_prompt`.
        tokens (NodeTokens, optional): Graph tokens.
        max_characters (int, optional): Of a node's own text, where it is quoted.
            (default: :obj:`2000`, as in the paper's evaluation)

    Raises:
        TextGraphError: If a node has no label.
    """
    nodes = nodes.nonzero().view(-1) if nodes.dtype == torch.bool else nodes
    y = data.y[nodes]
    if bool((y < 0).any()):
        raise TextGraphError(
            f"node {int(nodes[y < 0][0])} has no label; leave unlabelled nodes out"
        )
    answers = [data.label_names[label] for label in y.tolist()]
    texts = None
    if prompt.has_text:
        texts = [data.text[node][:max_characters] for node in nodes.tolist()]
    return Questions(prompt, tokens, nodes.cpu(), answers, texts)


def link_questions(
    pairs: Tensor, label: Tensor, prompt: GraphPrompt, tokens: NodeTokens
) -> Questions:
    """Linked? A question a pair.

    Args:
        pairs (Tensor): :math:`(M, 2)` node ids.
        label (Tensor): :math:`(M)` one for linked, zero for not.
        prompt (GraphPrompt): See :func:`~graphllm.prompts.graph_prompt.link_prompt`;
            its first candidate means linked.
        tokens (NodeTokens): Graph tokens, bound to edges without these pairs.
    """
    linked, apart = prompt.candidates
    answers = [linked if each else apart for each in label.tolist()]
    return Questions(prompt, tokens, pairs.cpu(), answers)


def description_questions(
    data: Data, nodes: Tensor, prompt: GraphPrompt, tokens: NodeTokens
) -> Questions:
    """What is this? A question a node, answered by label and title.

    The title is the text up to its first line break, or its first sentence, at most
    120 characters.
    """
    nodes = nodes.nonzero().view(-1) if nodes.dtype == torch.bool else nodes
    answers = [description(data, node) for node in nodes.tolist()]
    return Questions(prompt, tokens, nodes.cpu(), answers)


def description(data: Data, node: int) -> str:
    """The sentence that a description should come close to."""
    text = data.text[node].strip()
    title = text.split("\n", 1)[0].split(". ", 1)[0].strip().rstrip(".")
    if len(title) > 120:
        title = title[:120].rsplit(" ", 1)[0]
    label = int(data.y[node])
    name = data.label_names[label] if label >= 0 else "unknown"
    return f"{name}: {title}." if title else f"{name}."


@torch.no_grad()
def score_questions(model: LLaGA, questions: Questions, batch_size: int = 32) -> Tensor:
    """Log-probability of every candidate, :math:`(M, C)`, in evaluation mode."""
    mode = model.training
    model.eval()
    scores = torch.empty(len(questions), len(questions.prompt.candidates))
    for index in by_length(questions, batch_size):
        batch = questions.batch(index)
        found = model.score(batch.prompt, batch.tokens, texts=batch.texts)
        scores[index] = found.cpu()
    model.train(mode)
    return scores


@torch.no_grad()
def mean_loss(model: LLaGA, questions: Questions, batch_size: int = 32) -> float:
    """Mean cross-entropy of all tokens of the true answers, in evaluation mode."""
    mode = model.training
    model.eval()
    total, count = 0.0, 0
    for index in by_length(questions, batch_size):
        batch = questions.batch(index)
        tokens = sum(len(tokenize_answer(model.tokenizer, a)) for a in batch.answers)
        total += float(model(*batch)) * tokens
        count += tokens
    model.train(mode)
    return total / count


def generate_answers(
    model: LLaGA, questions: Questions, batch_size: int = 32, max_new_tokens: int = 48
) -> list[str]:
    """Free answers to all questions, greedily decoded, in evaluation mode."""
    mode = model.training
    model.eval()
    answers = [""] * len(questions)
    for index in by_length(questions, batch_size):
        batch = questions.batch(index)
        written = model.generate(
            batch.prompt, batch.tokens, batch.texts, max_new_tokens=max_new_tokens
        )
        for row, answer in zip(index.tolist(), written, strict=True):
            answers[row] = answer
    model.train(mode)
    return answers


def by_length(questions: Questions, batch_size: int) -> tuple[Tensor, ...]:
    """All questions in batches, those with texts of a length together."""
    order = torch.arange(len(questions))
    if questions.texts is not None:
        order = torch.tensor([len(text) for text in questions.texts]).argsort()
    return order.split(batch_size)
