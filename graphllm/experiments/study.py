"""What the studies share: asking for given nodes, keeping scores, one result."""

import time
from collections.abc import Sequence
from copy import copy
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.data import apply_split
from graphllm.enhance import Enhancer
from graphllm.evaluate import Result, environment
from graphllm.experiments.describe import (
    answer_statistics,
    describe_dataset,
    encoder_name,
    examples,
    score_metrics,
)
from graphllm.experiments.ellagnn import (
    Arm,
    Progress,
    Training,
    plain_graph,
    require_answers,
)
from graphllm.experiments.fit import Score
from graphllm.llm import Estimate, estimate
from graphllm.selection import SelectionContext, Selector

Scores = dict[str, list[Score]]


class KnownScores(Selector):
    """Selects by scores that were computed before.

    Args:
        scores (Tensor): One number a node, :math:`(|V|)`.
    """

    def __init__(self, scores: Tensor) -> None:
        self.scores = scores

    def score(self, data: Data, context: SelectionContext) -> Tensor:
        """The scores."""
        return self.scores


class Clock:
    """Adds the time since the last lap to one of its stages.

    Args:
        stages (str): Their names; ``seconds`` holds them in this order.
    """

    def __init__(self, *stages: str) -> None:
        self.seconds = dict.fromkeys(stages, 0.0)
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        """End a lap of this stage."""
        now = time.perf_counter()
        self.seconds[stage] += now - self._last
        self._last = now


def plain_arm(data: Data, x: Tensor, enhancer: Enhancer) -> Arm:
    """The same encoder and network without a language model.

    Where the enhancer weighs neighbours by the encoder alone, so does this arm.
    """
    return Arm(plain_graph(data, x, enhancer), {"plain": False})


def choose_nodes(data: Data, enhancer: Enhancer, x: Tensor) -> Tensor:
    """The nodes that the enhancer would ask about, ascending."""
    names = getattr(data, "label_names", None)
    context = SelectionContext(x, len(names) if names else None, enhancer.seed)
    budget, pool, num_hops = enhancer.budget, enhancer.pool, enhancer.num_hops
    return enhancer.selector(data, budget, context, pool, num_hops)


def only_nodes(enhancer: Enhancer, nodes: Tensor, x: Tensor) -> Enhancer:
    """The same model and prompts, asked about given nodes.

    Args:
        enhancer (Enhancer): Model, prompts and encoder.
        nodes (Tensor): Whom to ask about.
        x (Tensor): Plain features, :math:`(|V|, F)`.

    Returns:
        Enhancer: A shallow copy.
    """
    given = copy(enhancer)
    scores = torch.zeros(x.size(0))
    scores[nodes] = 1.0
    given.selector, given.pool = KnownScores(scores), "all"
    given.budget = int(nodes.numel())
    return given


def enhance_nodes(
    data: Data,
    enhancer: Enhancer,
    x: Tensor,
    nodes: Tensor,
    seed: int,
    progress: Progress | None = None,
) -> Data:
    """Ask about given nodes; what :meth:`graphllm.enhance.Enhancer.run` returns.

    Args:
        data (Data): A text graph with masks.
        enhancer (Enhancer): Model, prompts and encoder.
        x (Tensor): Plain features, :math:`(|V|, F)`.
        nodes (Tensor): Whom to ask about.
        seed (int): Named in the progress.
        progress (Callable, optional): Called with (stage, answers so far, all).

    Returns:
        Data: The enhanced graph.

    Raises:
        SpendingLimitError: If the spending limit cut the answers short.
        LLMError: If there is not one usable answer.
    """
    asked = only_nodes(enhancer, nodes, x)
    report = None
    if progress is not None:
        stage = f"ask, seed {seed}"
        report = lambda done, total: progress(stage, done, total)  # noqa: E731
    enhanced = asked.run(data, x, report)
    require_answers(enhanced, enhancer, "chosen")
    return enhanced


def plan_study(
    data: Data, enhancer: Enhancer, x: Tensor, split: str, seeds: Sequence[int]
) -> Estimate:
    """What the nodes that the enhancer chooses on each split would cost.

    What :func:`~graphllm.experiments.prompt_ablation.run_prompt_ablation` and
    :func:`~graphllm.experiments.slices.run_slices` ask; answers that are cached or
    needed twice are free.

    Args:
        data (Data): A text graph with labels.
        enhancer (Enhancer): Model, prompts, encoder, selector and budget.
        x (Tensor): Plain features, :math:`(|V|, F)`.
        split (str): See :func:`graphllm.data.apply_split`.
        seeds (Sequence[int]): Seeds of the run.

    Returns:
        Estimate: Calls, tokens, money and time.
    """
    requests = []
    for seed in seeds:
        graph = apply_split(data, split, seed)
        requests += enhancer.requests(graph, x)
    return estimate(enhancer.llm, requests)


def study_result(
    data: Data,
    enhancer: Enhancer,
    enhanced: Data,
    study: dict[str, Any],
    *,
    scores: Scores,
    split: str,
    seeds: Sequence[int],
    training: Training,
    timing: dict[str, float],
) -> Result:
    """The record of a study.

    Args:
        data (Data): The text graph.
        enhancer (Enhancer): What enhanced it.
        enhanced (Data): What it returned for the first seed.
        study (dict): ``kind`` and ``rows``.
        scores (dict[str, list[Score]]): One score a seed, by arm.
        split (str): Name of the split.
        seeds (Sequence[int]): Seeds run.
        training (Training): Network and optimisation.
        timing (dict[str, float]): Seconds by stage.

    Returns:
        Result: With ``details["study"]``.
    """
    llm = enhancer.llm
    return Result(
        method="ellagnn",
        dataset=describe_dataset(data),
        split=split,
        seeds=list(seeds),
        arms=score_metrics(scores),
        timing=timing,
        config={**asdict(training), "split": split, "seeds": list(seeds)},
        environment=environment(),
        details={
            "study": study,
            "answers": answer_statistics(enhanced),
            "examples": examples(enhanced),
            "llm": {"model": getattr(llm, "model", type(llm).__name__)},
            "encoder": encoder_name(enhancer.encoder),
        },
    )
