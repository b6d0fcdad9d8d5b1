"""Differences between two arms that share their seeds."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

CONFIDENCE = 0.95


def paired_difference(a: Sequence[float], b: Sequence[float]) -> dict[str, Any]:
    r"""Mean of :math:`a_s - b_s` over seeds, with its Student interval.

    .. math::
        d_s = a_s - b_s, \qquad
        \bar{d} \pm t_{n-1,\,0.975} \frac{\operatorname{sd}(d)}{\sqrt{n}}

    Two arms of one seed share the split and the initial parameters, so most of
    their spread over seeds cancels in the difference: two means with overlapping
    deviations can differ clearly, pair by pair.

    Args:
        a (Sequence[float]): One number a seed.
        b (Sequence[float]): The other arm's numbers, seed by seed.

    Returns:
        dict: ``mean``, ``std`` (unbiased, ``0.0`` for a single pair), ``n``, ``low``
        and ``high`` (the 95 % interval; NaN for a single pair), and ``wins``, the
        number of seeds with :math:`a_s > b_s`.

    Raises:
        ValueError: If the numbers cannot be paired, or there are none.
    """
    if len(a) != len(b):
        raise ValueError(
            f"cannot pair {len(a)} numbers with {len(b)}; give both arms the same seeds"
        )
    if not a:
        raise ValueError("there are no numbers to pair; run at least one seed")
    difference = [first - second for first, second in zip(a, b, strict=True)]
    mean, count = statistics.fmean(difference), len(difference)
    std = statistics.stdev(difference) if count > 1 else 0.0
    half = math.nan
    if count > 1:
        # Importing the package must not load scipy's statistics.
        from scipy.stats import t

        quantile = float(t.ppf(0.5 + CONFIDENCE / 2, count - 1))
        half = quantile * std / math.sqrt(count)
    return {
        "mean": mean,
        "std": std,
        "n": count,
        "low": mean - half,
        "high": mean + half,
        "wins": sum(value > 0 for value in difference),
    }
