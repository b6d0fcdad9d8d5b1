"""One arm: questions in, measures out, finished ones kept."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from graphllm.experiments.ledger import Ledger
from graphllm.experiments.llaga.explanations import explanations
from graphllm.experiments.llaga.fit import Progress
from graphllm.experiments.llaga.measures import short_scores
from graphllm.experiments.llaga.questions import Questions, score_questions
from graphllm.experiments.llaga.trained import LanguageModel, train_model
from graphllm.experiments.llaga.training import LLaGATraining
from graphllm.graph_tokens import GraphTemplate
from graphllm.models.llaga import LLaGA
from graphllm.models.llaga.model import PadMode


@dataclass(frozen=True)
class Split:
    """The questions of one arm and one seed.

    Args:
        train (tuple[Questions, ...]): One entry a task or graph.
        val (Questions): For every choice.
        test (Questions): Read once.
        key (Mapping): What else a training reads, for the ledger: the graph.
    """

    train: tuple[Questions, ...]
    val: Questions
    test: Questions
    key: Mapping[str, object]


def train_arm(
    llm: LanguageModel,
    template: GraphTemplate,
    in_channels: int,
    split: Split,
    training: LLaGATraining,
    measure: Callable[[Tensor, Questions], float],
    final: Callable[[Tensor, Questions, Tensor, Questions], dict[str, float]],
    *,
    pad_mode: PadMode = "mask",
    seed: int = 0,
    folder: Path | None = None,
    ledger: Ledger | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train a projector, choose the epoch on validation, measure the test once.

    Args:
        llm (LanguageModel): The frozen model.
        template (GraphTemplate): How nodes become sequences.
        in_channels (int): Width of node features.
        split (Split): The questions.
        training (LLaGATraining): Optimisation.
        measure (Callable): (scores, questions) to a number, higher is better.
        final (Callable): (validation scores and questions, test scores and
            questions) to the numbers of the result.
        pad_mode (str, optional): See :class:`graphllm.LLaGA`.
        seed (int, optional): Of initial weights, order and dropout.
        folder (Path, optional): For the state of the training and the checkpoint.
        ledger (Ledger, optional): Where finished arms are kept.
        progress (Callable, optional): Called with (stage, done, all).

    Returns:
        dict: What :func:`train_model` returns, ``metrics``, ``explanations`` of a
        few test questions, and ``scores`` of all of them (:func:`short_scores`).
    """

    def validate(model: LLaGA) -> float:
        return measure(score_questions(model, split.val), split.val)

    def finish(model: LLaGA) -> dict[str, Any]:
        val, test = (score_questions(model, each) for each in (split.val, split.test))
        return {
            "metrics": final(val, split.val, test, split.test),
            "scores": short_scores(test),
            "explanations": explanations(model, split.test, test),
        }

    held = {"val": split.val.fingerprint, "test": split.test.fingerprint}
    return train_model(
        *(llm, template, in_channels, split.train, training, validate, finish),
        key={**split.key, **held},
        pad_mode=pad_mode,
        seed=seed,
        folder=folder,
        ledger=ledger,
        progress=progress,
    )
