"""Accuracy against budget, one curve a selector."""

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.data import apply_split
from graphllm.enhance import Enhancer, restrict, shuffle_answers
from graphllm.errors import BudgetError
from graphllm.evaluate import Result, paired_difference
from graphllm.experiments.describe import Metrics, score_metrics
from graphllm.experiments.ellagnn import Arm, Progress, Training, train_arm
from graphllm.experiments.fit import Score
from graphllm.experiments.ledger import Ledger
from graphllm.experiments.memo import MemoEncoder
from graphllm.experiments.study import (
    Clock,
    KnownScores,
    Scores,
    enhance_nodes,
    only_nodes,
    plain_arm,
    study_result,
)
from graphllm.llm import Estimate, estimate
from graphllm.selection import RandomSelector, SelectionContext, Selector

BUDGETS = (0, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0)
# The views of a training, and what they add to the name of the cell.
VIEWS = {
    "ellagnn": "",
    "ellagnn_llm_at_test": "_llm_at_test",
    "shuffled": "_shuffled",
    "shuffled_llm_at_test": "_shuffled_llm_at_test",
}


@dataclass(frozen=True)
class Cell:
    """One point of the sweep.

    Args:
        selector (str): Name of the selector.
        budget (int or float): What it spent.
        nodes (Tensor): Whom it chose, ascending.
    """

    selector: str
    budget: int | float
    nodes: Tensor

    @property
    def arm(self) -> str:
        """Name in the result, such as ``pagerank@0.05``."""
        return f"{self.selector}@{self.budget}"


def run_budget_curve(
    data: Data,
    enhancer: Enhancer,
    *,
    x: Tensor | None = None,
    selectors: Mapping[str, Selector],
    budgets: Sequence[int | float] = BUDGETS,
    split: str = "random-20-30-per-class",
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    training: Training | None = None,
    ledger: Ledger | None = None,
    progress: Progress | None = None,
    shuffled: bool = False,
) -> Result:
    """Selectors x budgets, each against no language model and against chance.

    For each seed every selector chooses its nodes for every budget from the same
    pool; the union of all choices is asked and encoded once, and each cell trains on
    its own share of it. One training gives both views, LLM-free and with the
    language model at test. Cells with the same nodes share one training.

    ``random`` is always among the selectors and draws anew for each seed; budget 0
    is the arm ``plain``. A cell equals the ``ellagnn`` arm of
    :func:`~graphllm.experiments.run_ellagnn` with its selector and budget.

    Args:
        data (Data): A text graph with labels.
        enhancer (Enhancer): Model, prompts, encoder and pool; its selector and
            budget are not used.
        x (Tensor, optional): Plain features of the enhancer's encoder,
            :math:`(|V|, F)`; encoded here when not given.
        selectors (Mapping[str, Selector]): By the names of the result.
        budgets (Sequence[int or float], optional): Shares or counts; 0 is free.
            (default: 0, 1, 2.5, 5, 10, 20, 50 and 100 %)
        split (str, optional): See :func:`graphllm.data.apply_split`.
        seeds (Sequence[int], optional): Seeds of split, draw and initialisation.
        training (Training, optional): Network and optimisation, the same for all.
        ledger (Ledger, optional): Where finished trainings are kept.
        progress (Callable, optional): Called with (stage, done, all).
        shuffled (bool, optional): Whether each cell is also trained with the answers
            of other nodes. (default: :obj:`False`)

    Returns:
        Result: Arms ``plain``, ``{selector}@{budget}`` and
        ``{selector}@{budget}_llm_at_test`` (and ``{selector}@{budget}_shuffled``),
        and ``details["study"]`` of kind ``"budget"`` with one row a curve point.
    """
    training = training or Training()
    enhancer = copy(enhancer)
    enhancer.encoder = MemoEncoder(enhancer.encoder)
    clock = Clock("encode", "select", "enhance", "train")
    x = enhancer.encoder(data.text) if x is None else x
    clock.lap("encode")
    scores: Scores = {}
    sweep: list[list[Cell]] = []
    first: Data | None = None
    for number, seed in enumerate(seeds):
        graph = apply_split(data, split, seed)
        cells = choose_cells(graph, enhancer, x, selectors, budgets, seed)
        clock.lap("select")
        nodes = torch.cat([cell.nodes for cell in cells]).unique()
        enhanced = enhance_nodes(graph, enhancer, x, nodes, seed, progress)
        clock.lap("enhance")
        plain = train_arm(plain_arm(graph, x, enhancer), seed, training, ledger)
        scores.setdefault("plain", []).append(plain.scores["plain"])
        memo: dict[bytes, dict[str, Score]] = {}
        for position, cell in enumerate(cells):
            key = cell.nodes.numpy().tobytes()
            if key not in memo:
                cut = restrict(enhanced, cell.nodes)
                arms = _arms(cut, enhancer, seed, shuffled)
                fits = [train_arm(arm, seed, training, ledger) for arm in arms]
                memo[key] = {v: s for fit in fits for v, s in fit.scores.items()}
            for view, score in memo[key].items():
                scores.setdefault(cell.arm + VIEWS[view], []).append(score)
            if progress is not None:
                done = number * len(cells) + position + 1
                progress("train", done, len(seeds) * len(cells))
        clock.lap("train")
        sweep.append(cells)
        first = enhanced if first is None else first
    assert first is not None
    # One answer or none cannot be shuffled: such an arm may lack a seed.
    scores = {arm: runs for arm, runs in scores.items() if len(runs) == len(seeds)}
    study = {"kind": "budget", "rows": curve_rows(sweep, score_metrics(scores))}
    return study_result(
        *(data, enhancer, first, study),
        scores=scores,
        split=split,
        seeds=seeds,
        training=training,
        timing=clock.seconds,
    )


def choose_cells(
    data: Data,
    enhancer: Enhancer,
    x: Tensor,
    selectors: Mapping[str, Selector],
    budgets: Sequence[int | float],
    seed: int,
) -> list[Cell]:
    """The nodes of every selector and budget, from one pool.

    A selector scores the nodes once for all of its budgets. ``random`` draws from
    ``seed``, the others from the enhancer's own.

    Args:
        data (Data): A text graph with masks.
        enhancer (Enhancer): Pool, depth and seed.
        x (Tensor): Plain features, :math:`(|V|, F)`.
        selectors (Mapping[str, Selector]): By name.
        budgets (Sequence[int or float]): Shares or counts; 0 is left out.
        seed (int): Seed of the random draw.

    Returns:
        list[Cell]: Selector by selector.

    Raises:
        BudgetError: If a budget is out of range, or there is none but 0.
    """
    if not any(budgets):
        raise BudgetError("no budget above 0 to sweep; give some, such as 0.05,0.1")
    names = getattr(data, "label_names", None)
    cells = []
    for name, selector in {"random": RandomSelector(), **selectors}.items():
        drawn = seed if isinstance(selector, RandomSelector) else enhancer.seed
        context = SelectionContext(x, len(names) if names else None, drawn)
        known = KnownScores(selector.score(data, context))
        for budget in budgets:
            if budget:
                pool, hops = enhancer.pool, enhancer.num_hops
                cells.append(
                    Cell(name, budget, known(data, budget, context, pool, hops))
                )
    return cells


def curve_rows(sweep: Sequence[Sequence[Cell]], arms: Metrics) -> list[dict[str, Any]]:
    """One row a point of a curve, with its paired lifts.

    Args:
        sweep (Sequence[Sequence[Cell]]): The cells of every seed.
        arms (dict): Arms of the result, ``plain`` and those of the cells.

    Returns:
        list[dict]: ``selector``, ``budget``, ``nodes`` (mean over seeds), ``view``,
        ``arm``, ``acc``, ``val_acc``, ``lift_plain`` and ``lift_random`` (see
        :func:`~graphllm.evaluate.paired_difference`; none of chance over itself).
    """

    def lift(arm: str, over: str) -> dict[str, Any]:
        return paired_difference(
            arms[arm]["test_acc"]["values"], arms[over]["test_acc"]["values"]
        )

    rows = []
    for position, cell in enumerate(sweep[0]):
        nodes = [cells[position].nodes.numel() for cells in sweep]
        for view, suffix in VIEWS.items():
            arm = cell.arm + suffix
            if arm not in arms:
                continue
            chance = f"random@{cell.budget}{suffix}"
            rows.append(
                {
                    "selector": cell.selector,
                    "budget": cell.budget,
                    "nodes": sum(nodes) / len(nodes),
                    "view": view.removeprefix("ellagnn_"),
                    "arm": arm,
                    "acc": arms[arm]["test_acc"]["mean"],
                    "val_acc": arms[arm]["val_acc"]["mean"],
                    "lift_plain": lift(arm, "plain"),
                    "lift_random": lift(arm, chance)
                    if arm != chance and chance in arms
                    else None,
                }
            )
    return rows


def plan_budget_curve(
    data: Data,
    enhancer: Enhancer,
    x: Tensor,
    selectors: Mapping[str, Selector],
    budgets: Sequence[int | float],
    split: str,
    seeds: Sequence[int],
) -> Estimate:
    """What :func:`run_budget_curve` would ask of the language model.

    Args:
        data (Data): A text graph with labels.
        enhancer (Enhancer): Model, prompts, encoder and pool.
        x (Tensor): Plain features, :math:`(|V|, F)`.
        selectors (Mapping[str, Selector]): By name.
        budgets (Sequence[int or float]): Shares or counts.
        split (str): See :func:`graphllm.data.apply_split`.
        seeds (Sequence[int]): Seeds of the run.

    Returns:
        Estimate: Calls, tokens, money and time.
    """
    requests = []
    for seed in seeds:
        graph = apply_split(data, split, seed)
        cells = choose_cells(graph, enhancer, x, selectors, budgets, seed)
        nodes = torch.cat([cell.nodes for cell in cells]).unique()
        asked = only_nodes(enhancer, nodes, x)
        requests += asked.requests(graph, x)
    return estimate(enhancer.llm, requests)


def _arms(cut: Data, enhancer: Enhancer, seed: int, shuffled: bool) -> Iterator[Arm]:
    yield Arm(cut, {"ellagnn": False, "ellagnn_llm_at_test": True})
    if shuffled and cut.llm_index.numel() > 1:
        weight, neighbors = enhancer.answer_weight, enhancer.neighbors
        mixed = shuffle_answers(cut, weight, seed, neighbors)
        yield Arm(mixed, {"shuffled": False, "shuffled_llm_at_test": True})
