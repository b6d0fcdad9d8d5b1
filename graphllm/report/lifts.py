"""A paired difference, as :func:`graphllm.evaluate.paired_difference` stores it."""

from collections.abc import Mapping
from typing import Any

from graphllm.report.numbers import MISSING, finite

Lift = Mapping[str, Any]
MIN_SEEDS = 3
CLEAR = "*"


def is_lift(value: object) -> bool:
    """Whether a value of a row is a paired difference."""
    return isinstance(value, Mapping) and {"mean", "low", "high"} <= set(value)


def lift_verdict(lift: Lift) -> str:
    """``"better"``, ``"worse"`` or ``""`` where it is not clear.

    Clear means: three seeds or more, and zero lies outside the interval.
    """
    low, high = finite(lift.get("low")), finite(lift.get("high"))
    if low is None or high is None or (finite(lift.get("n")) or 0) < MIN_SEEDS:
        return ""
    if low > 0:
        return "better"
    return "worse" if high < 0 else ""


def lift_text(lift: Lift | None) -> str:
    """The mean in percentage points, with a star where it is clear."""
    mean = None if lift is None else finite(lift.get("mean"))
    if lift is None or mean is None:
        return MISSING
    return points(mean) + (CLEAR if lift_verdict(lift) else "")


def interval_text(lift: Lift) -> str:
    """The interval in percentage points; empty for a single seed."""
    low, high = finite(lift.get("low")), finite(lift.get("high"))
    if low is None or high is None:
        return ""
    return f"[{points(low)}, {points(high)}]"


def points(share: float) -> str:
    """A difference of shares as percentage points, signed; zero has no sign."""
    text = f"{100 * share:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", "−")
