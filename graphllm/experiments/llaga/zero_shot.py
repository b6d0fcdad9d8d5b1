"""What a language model knows without any training on the graph."""

from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.evaluate import accuracy, macro_f1
from graphllm.experiments.ledger import Ledger
from graphllm.experiments.llaga.fit import Progress
from graphllm.experiments.llaga.measures import class_accuracy, short_scores
from graphllm.experiments.llaga.questions import (
    Questions,
    node_questions,
    score_questions,
)
from graphllm.experiments.llaga.trained import LanguageModel
from graphllm.graph_tokens import HopField
from graphllm.llm.identity import model_identity
from graphllm.models.llaga import LLaGA, balance
from graphllm.prompts.graph_prompt import classification_prompt, text_only


def text_zero_shot(
    data: Data,
    nodes: Tensor,
    llm: LanguageModel,
    domain: str,
    *,
    ledger: Ledger | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """The language model reads the texts of some nodes, and no graph.

    Args:
        data (Data): A text graph with labels.
        nodes (Tensor): Node ids, or a mask.
        llm (LanguageModel): The model.
        domain (str): Wording of the prompt.
        ledger (Ledger, optional): Where finished readings are kept.
        progress (Callable, optional): Called with ("read texts", done, all).

    Returns:
        dict: ``metrics`` of :func:`zero_shot_metrics`, and ``scores``.
    """
    prompt = text_only(classification_prompt(data.label_names, domain))
    questions = node_questions(data, nodes, prompt, None)
    identity = model_identity(llm.model, llm.tokenizer)
    key = Ledger.key(task="read texts", llm=identity, questions=questions.fingerprint)
    kept = ledger.get(key) if ledger is not None else None
    if kept is not None:
        return kept
    if progress is not None:
        progress("read texts", 0, 1)
    # No graph token goes through its projector, whose weights are drawn all the same.
    with torch.random.fork_rng():
        model = LLaGA(llm.model, llm.tokenizer, HopField(), in_channels=1)
    scores = score_questions(model, questions)
    outcome = {
        "metrics": zero_shot_metrics(scores, questions),
        "scores": short_scores(scores),
    }
    if ledger is not None:
        ledger.put(key, outcome)
    if progress is not None:
        progress("read texts", 1, 1)
    return outcome


def zero_shot_metrics(scores: Tensor, questions: Questions) -> dict[str, float]:
    """Accuracy and macro F1, as the scores are and balanced over the classes.

    Args:
        scores (Tensor): :math:`(M, C)` of :func:`score_questions`.
        questions (Questions): The questions.

    Returns:
        dict: ``test_acc``, ``test_macro_f1``, and both with ``_balanced``, of
        :func:`graphllm.models.llaga.balance`.
    """
    even = balance(scores)
    return {
        "test_acc": class_accuracy(scores, questions),
        "test_macro_f1": macro_f1(scores.argmax(1), questions.target),
        "test_acc_balanced": class_accuracy(even, questions),
        "test_macro_f1_balanced": macro_f1(even.argmax(1), questions.target),
    }


def with_balanced(arm: str, outcome: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """An outcome as one arm, and its balanced metrics, if it has any, as another.

    Args:
        arm (str): Name of the first; the other's ends in ``_balanced``.
        outcome (dict): With ``metrics``.
    """
    metrics = outcome["metrics"]
    even = {
        name.removesuffix("_balanced"): value
        for name, value in metrics.items()
        if name.endswith("_balanced")
    }
    if not even:
        return {arm: outcome}
    plain = {name: value for name, value in metrics.items() if name in even}
    return {
        arm: {**outcome, "metrics": plain},
        f"{arm}_balanced": {**outcome, "metrics": even},
    }


def majority_metrics(target: Tensor) -> dict[str, float]:
    """What the most frequent class alone would get: accuracy and macro F1.

    Args:
        target (Tensor): True classes, :math:`(M)`.
    """
    always = torch.full_like(target, int(target.bincount().argmax()))
    return {
        "test_acc": accuracy(always, target),
        "test_macro_f1": macro_f1(always, target),
    }
