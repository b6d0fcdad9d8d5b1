"""From the arms of all seeds to one result."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from torch_geometric.data import Data

from graphllm.evaluate import Result, environment, paired_difference, summary
from graphllm.experiments.describe import describe_dataset
from graphllm.experiments.ellagnn import Training
from graphllm.experiments.mog.arms import DENSE, MIX_ARMS, NOTES, REFIT, SINGLE
from graphllm.experiments.mog.plan import Plan
from graphllm.experiments.mog.trained import Trained

#: Forward passes over which the time to thin a graph is spread.
PASSES = 100
#: Random edges under the budgets that MoG has too.
RANDOM = "random_capped"
#: A loss in the mean that counts as none, if the interval reaches zero.
TOLERANCE = 0.01


@dataclass
class Seed:
    """All arms of one seed.

    Args:
        arms (dict[str, Trained]): By name.
        metrics (dict[str, dict[str, float]]): Arm to metric to number.
    """

    arms: dict[str, Trained]
    metrics: dict[str, dict[str, float]]


def as_result(
    data: Data,
    split: str,
    seeds: Sequence[int],
    done: Sequence[Seed],
    plan: Plan,
    training: Training,
    timing: dict[str, float],
) -> Result:
    """Summaries over seeds, and what the report shows besides.

    Args:
        data (Data): The graph.
        split (str): Name of the split.
        seeds (Sequence[int]): Seeds run.
        done (Sequence[Seed]): What each came to.
        plan (Plan): The arms.
        training (Training): Network and optimisation.
        timing (dict[str, float]): Seconds by stage.
    """
    values = {
        arm: {name: [seed.metrics[arm][name] for seed in done] for name in metrics}
        for arm, metrics in done[0].metrics.items()
    }
    rows = _rows(values, plan)
    main = MIX_ARMS[plan.mixes[0]] if plan.mixes else plan.families[0]
    # Not the best one: that would be chosen on the test nodes.
    middle = sorted(plan.sparsities)[len(plan.sparsities) // 2]
    return Result(
        method="mog",
        dataset=describe_dataset(data),
        split=split,
        seeds=list(seeds),
        arms={
            arm: {name: summary(each) for name, each in metrics.items()}
            for arm, metrics in values.items()
        },
        timing=timing,
        config={
            **asdict(training),
            **asdict(plan),
            "split": split,
            "seeds": list(seeds),
        },
        environment=environment(),
        details={
            "baseline": DENSE,
            "method_arm": f"{main}@{middle:g}",
            "arm_roles": {arm: role_of(arm) for arm in values},
            "arm_notes": {arm: note_of(arm) for arm in values},
            "curves": _curves(done[0], plan),
            "study": {
                "kind": "mog",
                "main": main,
                "sparsities": list(plan.sparsities),
                "rows": rows,
                "lossless": _lossless(rows),
                "timing": _timing(values, main, plan.sparsities),
                "routing": {
                    name: arm.routing
                    for name, arm in done[0].arms.items()
                    if arm.routing is not None and not name.startswith(SINGLE)
                },
            },
        },
    )


def role_of(arm: str) -> str:
    """Of the four roles that a report tells apart."""
    family = arm.partition("@")[0]
    if family == DENSE:
        return "baseline"
    if family == REFIT:
        return "bound"
    return "method" if family in MIX_ARMS.values() else "control"


def note_of(arm: str) -> str:
    """What an arm is there for."""
    family = arm.partition("@")[0]
    if family.startswith(SINGLE):
        return f"MoG with one expert: {family.removeprefix(SINGLE)}, one sparsity."
    return NOTES.get(family, "")


def _rows(
    values: dict[str, dict[str, list[float]]], plan: Plan
) -> list[dict[str, Any]]:
    """Differences of every arm, seed by seed, to the dense graph and to random."""
    rows = []
    for sparsity in plan.sparsities:
        chance = values.get(f"{RANDOM}@{sparsity:g}")
        for family in plan.families:
            arm = f"{family}@{sparsity:g}"
            own, dense = values[arm]["test_acc"], values[DENSE]["test_acc"]
            by_chance = None
            if chance is not None and family != RANDOM:
                by_chance = paired_difference(own, chance["test_acc"])
            rows.append(
                {
                    "arm": arm,
                    "family": family,
                    "sparsity": sparsity,
                    "removed": 1.0 - statistics.fmean(values[arm]["kept"]),
                    "over_dense": paired_difference(own, dense),
                    "over_random": by_chance,
                    "speedup": _ratio(values[DENSE]["gnn_ms"], values[arm]["gnn_ms"]),
                }
            )
    return rows


def _lossless(rows: Sequence[dict[str, Any]]) -> dict[str, float | None]:
    """Largest sparsity at which a family is not worse than the dense graph.

    Not worse: the 95 % interval of the paired difference reaches zero, and its mean is
    within a point of it, at this sparsity and at all below. A single seed has no
    interval, and says nothing.
    """
    largest: dict[str, float | None] = {}
    failed: set[str] = set()
    for row in sorted(rows, key=lambda row: row["sparsity"]):
        family, lift = row["family"], row["over_dense"]
        largest.setdefault(family, None)
        # NaN, of a single seed, compares as false.
        if not (lift["high"] >= 0.0 and lift["mean"] >= -TOLERANCE):
            failed.add(family)
        elif family not in failed:
            largest[family] = row["sparsity"]
    return largest


def _timing(
    values: dict[str, dict[str, list[float]]], main: str, sparsities: Sequence[float]
) -> list[dict[str, Any]]:
    """Speed of the main arm: the network alone, and with the thinning counted."""
    rows = []
    dense = statistics.median(values[DENSE]["gnn_ms"])
    for sparsity in sparsities:
        arm = values[f"{main}@{sparsity:g}"]
        alone = statistics.median(arm["gnn_ms"])
        thin = statistics.median(arm["sparsify_ms"])
        rows.append(
            {
                "sparsity": sparsity,
                "dense_ms": dense,
                "gnn_ms": alone,
                "sparsify_ms": thin,
                "amortised_ms": alone + thin / PASSES,
                "passes": PASSES,
                "end_to_end_ms": alone + thin,
                "break_even": thin / (dense - alone) if dense > alone else None,
            }
        )
    return rows


def _ratio(slow: Sequence[float], fast: Sequence[float]) -> float:
    """Median over seeds of how many times as fast."""
    pairs = zip(slow, fast, strict=True)
    return statistics.median(a / max(b, 1e-9) for a, b in pairs)


def _curves(first: Seed, plan: Plan) -> dict[str, dict[str, Any]]:
    """Of the dense network and of MoG: others would fill the page."""
    shown = {DENSE, *(MIX_ARMS[mix] for mix in plan.mixes)}
    return {
        name: {"train_loss": arm.train_loss, "val_acc": arm.val_acc}
        for name, arm in first.arms.items()
        if name.partition("@")[0] in shown
    }
