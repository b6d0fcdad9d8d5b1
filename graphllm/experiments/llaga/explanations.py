"""A few test questions with what their answers rest on."""

from typing import Any

import torch
from torch import Tensor

from graphllm.experiments.llaga.questions import Questions
from graphllm.models.llaga import LLaGA, explain


def explanations(
    model: LLaGA, questions: Questions, scores: Tensor, count: int = 4
) -> list[dict[str, Any]]:
    """Explain the surest right answers and the surest wrong ones.

    Args:
        model (LLaGA): The trained model.
        questions (Questions): The test questions.
        scores (Tensor): :math:`(M, C)` of :func:`score_questions`.
        count (int, optional): How many. (default: :obj:`4`, half of them wrong)

    Returns:
        list[dict]: ``items``, ``truth``, ``answer``, ``probability``, and for each
        graph ``nodes``, ``attribution`` and ``template``.
    """
    model.eval()
    sure, found = scores.softmax(1).max(1)
    right = found == questions.target
    chosen: list[int] = []
    for wanted in (right, ~right):
        order = torch.where(wanted, sure, sure.new_tensor(-1.0)).argsort(
            descending=True
        )
        chosen += order[: min(count // 2, int(wanted.sum()))].tolist()
    told = []
    for row in chosen:
        batch = questions.batch(torch.tensor([row]))
        said = explain(model, batch.prompt, batch.tokens)
        told.append(
            {
                "items": questions.items[row].reshape(-1).tolist(),
                "truth": batch.answers[0],
                "answer": said.answer,
                "probability": said.probability,
                "template": model.template.spec(),
                "nodes": [each.tolist() for each in said.nodes],
                "attribution": [each.tolist() for each in said.attribution],
            }
        )
    return told
