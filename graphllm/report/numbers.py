"""What an arm measured, how it differs from another arm, and how to write it."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from scipy.special import stdtrit

from graphllm.evaluate import Result, summary

MISSING = "–"
_SHARE_WORDS = frozenset(
    "acc accuracy f1 auc auroc ap mrr hits precision recall sparsity share".split()
)
_LOWER_WORDS = frozenset("loss perplexity ppl error mae rmse seconds bytes".split())


@dataclass(frozen=True)
class Spread:
    """A number measured once a seed.

    Args:
        values (tuple[float | None, ...]): One entry a seed, ``None`` where missing.
        mean (float): Over the seeds that have a value.
        std (float, optional): Unbiased; ``None`` with fewer than two values.
    """

    values: tuple[float | None, ...]
    mean: float
    std: float | None

    @property
    def finite(self) -> list[float]:
        """The values that exist."""
        return [value for value in self.values if value is not None]


def finite(value: object) -> float | None:
    """``value`` as a float, or ``None`` where it is not a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def fields(value: object) -> Mapping[str, Any]:
    """``value`` if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def spread_of(values: Iterable[object]) -> Spread | None:
    """Mean and unbiased standard deviation of the values that exist."""
    kept = tuple(finite(value) for value in values)
    numbers = [value for value in kept if value is not None]
    if not numbers:
        return None
    stats = summary(numbers)
    return Spread(kept, stats["mean"], stats["std"] if len(numbers) > 1 else None)


def measured(result: Result, arm: str, metric: str) -> Spread | None:
    """One metric of one arm, or ``None`` where there is nothing to show.

    The stored mean and standard deviation are used as they are; they are computed
    again only when a missing seed made them undefined.
    """
    entry = fields(result.arms.get(arm)).get(metric)
    if not isinstance(entry, Mapping):
        return spread_of([entry])
    again = spread_of(entry.get("values") or [entry.get("mean")])
    mean = finite(entry.get("mean"))
    if again is None or mean is None:
        return again
    std = finite(entry.get("std"))
    several = len(again.finite) > 1 or not entry.get("values")
    return Spread(again.values, mean, std if several else None)


def paired(result: Result, arm: str, base: str, metric: str) -> Spread | None:
    """Per-seed differences ``arm - base``.

    Both arms of a seed share split and initialisation, so the spread of their
    difference says more than the two spreads. ``None`` unless both arms have one
    value a seed.
    """
    ours, theirs = measured(result, arm, metric), measured(result, base, metric)
    if ours is None or theirs is None or len(ours.values) != len(theirs.values):
        return None
    return spread_of(
        None if left is None or right is None else left - right
        for left, right in zip(ours.values, theirs.values, strict=True)
    )


def wins(difference: Spread, metric: str) -> tuple[int, int]:
    """On how many seeds the difference is an improvement, and of how many."""
    sign = -1.0 if lower_is_better(metric) else 1.0
    return sum(sign * value > 0 for value in difference.finite), len(difference.finite)


def verdict(difference: Spread, metric: str) -> str:
    """``"better"``, ``"worse"``, ``"unclear"`` or ``"too few seeds"``.

    A difference counts as clear from three seeds on, if zero lies outside the 95 %
    confidence interval of its mean (Student's t over the paired differences).
    """
    count = len(difference.finite)
    if count < 3 or difference.std is None:
        return "too few seeds"
    reach = stdtrit(count - 1, 0.975) * difference.std / math.sqrt(count)
    if abs(difference.mean) <= reach:
        return "unclear"
    return "better" if (difference.mean < 0) == lower_is_better(metric) else "worse"


def metrics_of(result: Result) -> list[str]:
    """Every metric of any arm, in the order of their first appearance."""
    return list(
        dict.fromkeys(name for arm in result.arms.values() for name in fields(arm))
    )


def main_metric(result: Result) -> str | None:
    """The metric a run is judged by: test accuracy, else the first test metric."""
    names = metrics_of(result)
    tests = [name for name in names if name.startswith("test")]
    preferred = ["test_acc"] if "test_acc" in names else tests or names
    return preferred[0] if preferred else None


def is_share(metric: str) -> bool:
    """Whether a metric is a share in [0, 1], to be shown in percent."""
    words = metric.lower().replace("@", "_").replace("-", "_").split("_")
    return not _SHARE_WORDS.isdisjoint(words)


def lower_is_better(metric: str) -> bool:
    """Whether a smaller value of the metric is an improvement."""
    return not _LOWER_WORDS.isdisjoint(metric.lower().replace("-", "_").split("_"))


def scale(metric: str) -> float:
    """Factor between the stored and the shown number."""
    return 100.0 if is_share(metric) else 1.0


def unit_of(metric: str) -> str:
    """Name of a metric with its unit, for an axis or a column."""
    return f"{metric}, %" if is_share(metric) else metric


def plain_number(value: object) -> str:
    """A number with thousands separators and no more digits than it deserves."""
    number = finite(value)
    if number is None:
        return MISSING
    if number == round(number) and abs(number) < 1e15:
        return f"{number:,.0f}"
    if abs(number) >= 1e15 or abs(number) < 1e-4:
        return f"{number:.2e}"
    magnitude = math.floor(math.log10(abs(number)))
    return f"{number:,.{max(0, 2 - magnitude)}f}"


def with_spread(spread: Spread | None, metric: str, *, signed: bool = False) -> str:
    """``mean ± std`` in the unit of the metric; the mean alone for one seed."""
    if spread is None:
        return MISSING
    factor, sign = scale(metric), "+" if signed else ""
    places = 1 if is_share(metric) else _decimals(spread)
    text = f"{spread.mean * factor:{sign},.{places}f}".replace("-", "−")
    return text if spread.std is None else f"{text} ± {spread.std * factor:,.{places}f}"


def duration(seconds: object) -> str:
    """Seconds as a person says them."""
    number = finite(seconds)
    if number is None:
        return MISSING
    if number < 10:
        return f"{number:.2f} s"
    if number < 120:
        return f"{number:.0f} s"
    minutes, rest = divmod(round(number), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def total_seconds(timing: Mapping[str, Any]) -> float | None:
    """``timing["total"]``, else the sum of the stages."""
    total = finite(timing.get("total"))
    if total is not None:
        return total
    stages = [second for second in map(finite, timing.values()) if second is not None]
    return math.fsum(stages) if stages else None


def _decimals(spread: Spread) -> int:
    # Two significant digits of the deviation; three of the mean where there is none.
    lead, digits = (spread.std, 2) if spread.std else (abs(spread.mean), 3)
    if not lead:
        return 0
    return min(6, max(0, digits - 1 - math.floor(math.log10(lead))))
