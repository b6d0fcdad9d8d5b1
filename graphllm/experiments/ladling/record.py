"""From all repeats of Graph Ladling to one result."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from torch_geometric.data import Data

from graphllm.evaluate import Result, environment, paired_difference, summary
from graphllm.experiments.describe import describe_dataset
from graphllm.experiments.ladling.arms import (
    BEST,
    GIS,
    MEAN,
    NOTES,
    RECALIBRATED,
    role_of,
)
from graphllm.experiments.ladling.measure import Stages
from graphllm.experiments.ladling.recipe import Recipe
from graphllm.experiments.ladling.repeat import Repeat


def as_result(
    data: Data,
    split: str,
    seeds: Sequence[int],
    done: Sequence[Repeat],
    recipe: Recipe,
    stages: Stages,
    **config: Any,
) -> Result:
    """Summaries over repeats, and what the report shows besides.

    Args:
        data (Data): The graph.
        split (str): Name of the split.
        seeds (Sequence[int]): Repeats.
        done (Sequence[Repeat]): What each came to.
        recipe (Recipe): How ingredients were made.
        stages (Stages): Seconds and memory.
        **config (Any): Further arguments of the run.
    """
    values = {
        arm: {
            name: [each.metrics[arm][name] for each in done]
            for name in done[0].metrics[arm]
        }
        for arm in NOTES
        if arm in done[0].metrics
    }
    baseline = RECALIBRATED if RECALIBRATED in values else BEST
    soups = done[0].soups
    return Result(
        method="ladling",
        dataset=describe_dataset(data),
        split=split,
        seeds=list(seeds),
        arms={
            arm: {name: summary(each) for name, each in metrics.items()}
            for arm, metrics in values.items()
        },
        timing=dict(stages.seconds),
        config={
            **asdict(recipe),
            "subgraphs": repr(recipe.subgraphs),
            "split": split,
            "seeds": list(seeds),
            **config,
        },
        environment=environment(),
        details={
            "baseline": baseline,
            "method_arm": _method_of(values, baseline),
            "arm_roles": {arm: role_of(arm) for arm in values},
            "arm_notes": {arm: NOTES[arm] for arm in values},
            "study": {
                "kind": "ladling",
                "rows": _rows(values, baseline),
                "gain": _gain(done),
                "barriers": _barriers(done),
                "soups": {arm: [each.soups[arm] for each in done] for arm in soups},
                "ingredients": [each.ingredients for each in done],
                "stages": {
                    name: {
                        "seconds": stages.seconds[name],
                        "peak_rss_mb": stages.peak_rss_mb[name],
                    }
                    for name in stages.seconds
                },
            },
        },
    )


def _method_of(arms: Iterable[str], baseline: str) -> str:
    """The soup that the report is about; never a control."""
    methods = [arm for arm in arms if role_of(arm) == "method"]
    return GIS if GIS in methods else next(iter(methods), baseline)


def _rows(
    values: dict[str, dict[str, list[float]]], baseline: str
) -> list[dict[str, Any]]:
    """Test accuracy of every arm over the best and over the mean ingredient."""
    return [
        {
            "arm": arm,
            "over_best": paired_difference(
                metrics["test_acc"], values[baseline]["test_acc"]
            ),
            "over_mean": paired_difference(
                metrics["test_acc"], values[MEAN]["test_acc"]
            ),
        }
        for arm, metrics in values.items()
        if arm not in (baseline, MEAN)
    ]


def _gain(done: Sequence[Repeat]) -> list[dict[str, Any]]:
    """Test accuracy over repeats for each number of ingredients."""
    rows = []
    for together in zip(*(each.gain for each in done), strict=True):
        names = [name for name in together[0] if name != "num_ingredients"]
        rows.append(
            {
                "num_ingredients": together[0]["num_ingredients"],
                **{name: summary([row[name] for row in together]) for name in names},
            }
        )
    return rows


def _barriers(done: Sequence[Repeat]) -> dict[str, dict[str, Any]]:
    """Mean loss along the line over repeats, and the height in each."""
    found = {}
    for kind in done[0].barriers:
        each = [repeat.barriers[kind] for repeat in done]
        curves = zip(*(one["losses"] for one in each), strict=True)
        found[kind] = {
            "alphas": each[0]["alphas"],
            "losses": [statistics.fmean(losses) for losses in curves],
            "heights": [one["height"] for one in each],
        }
    return found
