"""Accuracy against budget, one curve a selector."""

import time
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.data import apply_split
from graphllm.enhance import Enhancer, restrict, shuffle_answers
from graphllm.evaluate import Result, paired_difference
from graphllm.experiments.ellagnn import Arm, Progress, Training, train_arm
from graphllm.experiments.fit import Fit
from graphllm.experiments.ledger import Ledger
from graphllm.experiments.memo import MemoEncoder
from graphllm.experiments.study import (
    enhance_nodes,
    metrics,
    plain_arm,
    study_result,
)
from graphllm.selection import RandomSelector, SelectionContext, Selector

BUDGETS = (0, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0)
LLM_AT_TEST = "_llm_at_test"


@dataclass(frozen=True)
class Cell:
    """One point of the sweep.

    Args:
        selector (str): Name of the selector.
        budget (int or float): What it spent.
        nodes (Tensor): Whom it chose.
    """

    selector: str
    budget: int | float
    nodes: Tensor

    @property
    def arm(self) -> str:
        """Name in the result, such as ``pagerank@0.05``."""
        return f"{self.selector}@{self.budget:g}"


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
        ``{selector}@{budget}_llm_at_test`` (and both with ``_shuffled``), and
        ``details["study"]`` of kind ``"budget"`` with one row a curve point.
    """
    training = training or Training()
    enhancer = copy(enhancer)
    enhancer.encoder = MemoEncoder(enhancer.encoder)
    timing = {"encode": 0.0, "select": 0.0, "enhance": 0.0, "train": 0.0}
    clock = _Clock(timing)
    if x is None:
        x = enhancer.encoder(data.text)
    clock.lap("encode")
    selectors = {"random": RandomSelector(), **selectors}
    fits: dict[str, list[Fit]] = {}
    counts: dict[str, list[int]] = {}
    first: Data | None = None
    done = 0
    for seed in seeds:
        graph = apply_split(data, split, seed)
        cells = choose_cells(graph, enhancer, x, selectors, budgets, seed)
        clock.lap("select")
        union = torch.cat([cell.nodes for cell in cells]).unique()
        stage = f"ask, seed {seed}"
        enhanced = enhance_nodes(graph, enhancer, x, union, stage, progress)
        first = first if first is not None else enhanced
        clock.lap("enhance")
        total = len(seeds) * (len(cells) + 1)
        arms = _arms(cells, plain_arm(graph, x), enhanced, enhancer, shuffled, seed)
        memo: dict[tuple[object, ...], Fit] = {}
        for name, key, arm in arms:
            if key not in memo:
                memo[key] = train_arm(arm, seed, training, ledger)
            fits.setdefault(name, []).append(memo[key])
            if progress is not None and not name.endswith("_shuffled"):
                done += 1
                progress("train", done, total)
        for cell in cells:
            counts.setdefault(cell.arm, []).append(cell.nodes.numel())
        clock.lap("train")
