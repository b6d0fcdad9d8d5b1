"""What each arm of an experiment is there for."""

from dataclasses import dataclass

from graphllm.evaluate import Result
from graphllm.report.numbers import (
    Spread,
    fields,
    paired,
    scale,
    verdict,
    wins,
    with_spread,
)

METHOD_TITLES = {
    "ellagnn": "E-LLaGNN",
    "llaga": "LLaGA",
    "mog": "Mixture of Graphs (MoG)",
    "ladling": "Graph Ladling",
    "compress": "LLM compression",
    "ogb": "OGB baseline",
}

_NOTES = {
    "plain": "Baseline: same encoder and backbone, no LLM anywhere.",
    "random": (
        "Control for the selection: same budget, nodes drawn at random. What the "
        "method gains over it is due to choosing nodes well."
    ),
    "shuffled": (
        "Control for the knowledge: each selected node gets the LLM text of another "
        "node. A gain that stays here is noise or regularisation, not knowledge."
    ),
    "shuffled_llm_at_test": (
        "The same control with the other node's text kept at test time."
    ),
    "ellagnn": "The method: LLM text helps in training, no LLM at test time.",
    "ellagnn_llm_at_test": "The method with the LLM text kept at test time.",
    "oracle": (
        "Upper bound: the full text in the LLM's place in training, none at test "
        "time. Shows what a perfect LLM could add."
    ),
    "oracle_llm_at_test": "Upper bound with the full text kept at test time.",
}
ROLES = ("baseline", "control", "method", "bound")
_CONTROLS = ("random", "shuffled", "center_only")


@dataclass(frozen=True)
class Arm:
    """One arm as a report shows it.

    Args:
        name (str): As in the result.
        role (str): ``"baseline"``, ``"control"``, ``"method"`` or ``"bound"``.
        note (str): What it is for, in plain words; may be empty.
        difference (Spread, optional): Per-seed difference of the main metric to
            the baseline.
    """

    name: str
    role: str
    note: str
    difference: Spread | None


def baseline_of(result: Result) -> str | None:
    """The arm others are compared with.

    ``details["baseline"]`` if the experiment says so, else ``plain``, else the first.
    """
    for name in (result.details.get("baseline"), "plain", *result.arms):
        if name in result.arms:
            return str(name)
    return None


def method_arm(result: Result) -> str | None:
    """The arm that is the method itself.

    ``details["method_arm"]`` if the experiment says so, else the one of its name.
    """
    for name in (result.details.get("method_arm"), result.method):
        if name in result.arms:
            return str(name)
    return None


def role_of(result: Result, arm: str) -> str:
    """The role of an arm; decides its colour."""
    if arm == baseline_of(result):
        return "baseline"
    said = fields(result.details.get("arm_roles")).get(arm)
    if said in ROLES:
        return str(said)
    if arm.startswith(_CONTROLS):
        return "control"
    return "bound" if arm.startswith("oracle") else "method"


def arms_of(result: Result, metric: str | None) -> list[Arm]:
    """Every arm in the order of the result."""
    base = baseline_of(result)
    extra = fields(result.details.get("arm_notes"))
    return [
        Arm(
            name,
            role_of(result, name),
            str(extra.get(name) or _NOTES.get(name, "")),
            None
            if metric is None or base is None or name == base
            else paired(result, name, base, metric),
        )
        for name in result.arms
    ]


def findings(result: Result, metric: str | None) -> list[str]:
    """The method against the baseline and each control, one sentence each."""
    if metric is None:
        return []
    lines = []
    for suffix in ("", "_llm_at_test"):
        ours = result.method + suffix
        for other in (baseline_of(result), *(name + suffix for name in _CONTROLS)):
            if other is None or other == ours:
                continue
            difference = paired(result, ours, other, metric)
            if difference is not None:
                lines.append(_sentence(ours, other, difference, metric))
    return lines


def _sentence(ours: str, other: str, difference: Spread, metric: str) -> str:
    unit = "points" if scale(metric) != 1.0 else f"in {metric}"
    won, count = wins(difference, metric)
    reading = {
        "better": f"clearly better than {other}",
        "worse": f"clearly worse than {other}",
        "unclear": f"not distinguishable from {other}",
        "too few seeds": f"too few seeds to judge it against {other}",
    }[verdict(difference, metric)]
    amount = with_spread(difference, metric, signed=True)
    seeds = f"{count} seed" + ("s" if count != 1 else "")
    return f"{ours} − {other}: {amount} {unit}, better on {won} of {seeds}: {reading}."
