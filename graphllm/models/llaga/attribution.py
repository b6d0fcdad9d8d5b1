"""Which graph tokens an answer rests on."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from graphllm.errors import PromptError
from graphllm.graph_tokens import GraphTokens
from graphllm.models.llaga.model import LLaGA
from graphllm.prompts.graph_prompt import GraphPrompt


class Explanation(NamedTuple):
    """An answer about one node (or pair), and what it rests on.

    Args:
        answer (str): The likeliest candidate.
        probability (float): Its share among the candidates, in [0, 1].
        nodes (list[Tensor]): For each graph, :math:`(T)` node behind each token,
            ``-1`` for PAD.
        attribution (list[Tensor]): For each graph, :math:`(T)` the token's part in
            the log-odds of the answer; zero for PAD tokens that are masked.
    """

    answer: str
    probability: float
    nodes: list[Tensor]
    attribution: list[Tensor]


def explain(
    model: LLaGA,
    prompt: GraphPrompt,
    tokens: Sequence[GraphTokens],
    answer: str | None = None,
    text: str | None = None,
) -> Explanation:
    r"""Input times gradient over the projected graph tokens of one question.

    .. math::
        A_t = \sum_j f(h_t)_j \frac{\partial g}{\partial f(h)_{tj}}, \qquad
        g = \log p(a \mid q, f(h)) - \log \sum_{c \ne a} p(c \mid q, f(h))

    A first-order estimate of how much of the answer's log-odds among the candidates
    would go with the token; positive speaks for the answer. Its log-probability would
    not do: where a model is sure, it hardly moves, whatever is changed. (It is taken
    where there is one candidate only.)

    Args:
        model (LLaGA): The model.
        prompt (GraphPrompt): The question, with candidates.
        tokens (Sequence[GraphTokens]): One entry a place, one row each.
        answer (str, optional): The answer to explain.
            (default: the likeliest candidate)
        text (str, optional): The node's own text, where the prompt quotes it.

    Returns:
        Explanation: Answer and attributions.

    Raises:
        PromptError: If there is not exactly one row, the prompt has no graph, or the
            answer is no candidate.
    """
    if not tokens or any(each.x.size(0) != 1 for each in tokens):
        raise PromptError("explain takes one question about a graph at a time")
    names = prompt.candidates
    if answer is not None and answer not in names:
        raise PromptError(f"'{answer}' is no candidate of prompt '{prompt.name}'")
    with torch.no_grad():
        graphs = model.project(tokens)
    graphs.requires_grad_()
    texts = None if text is None else [text]
    with torch.enable_grad():
        scores = model.score_projected(prompt, tokens, graphs, names, texts)[0][0]
        index = int(scores.argmax()) if answer is None else names.index(answer)
        (slope,) = torch.autograd.grad(_log_odds(scores, index), graphs)
    parts = (graphs.detach() * slope).sum(-1).float().cpu()
    return Explanation(
        names[index],
        float(scores.detach().softmax(0)[index]),
        [each.nodes[0].cpu() for each in tokens],
        list(parts.split([each.x.size(1) for each in tokens])),
    )


def _log_odds(scores: Tensor, index: int) -> Tensor:
    if scores.numel() == 1:
        return scores[0]
    others = torch.cat([scores[:index], scores[index + 1 :]])
    return scores[index] - others.logsumexp(0)
