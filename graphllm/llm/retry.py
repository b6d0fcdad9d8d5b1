"""When to ask a server again, and how long to wait before."""

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_WAIT_S = 60.0


def worth_retrying(status: int) -> bool:
    """Whether an HTTP status may go away by itself: 408, 409, 429 and 5xx."""
    return status in (408, 409, 429) or status >= 500


def retry_after_s(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds asked for by a ``Retry-After`` header.

    Args:
        value (str, optional): The header: seconds, or an HTTP date.
        now (datetime, optional): The present. (default: the clock)

    Returns:
        float or None: Seconds, never negative; ``None`` without a readable header.
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        if moment.tzinfo is None:  # "-0000" means UTC of unknown origin
            moment = moment.replace(tzinfo=UTC)
        seconds = (moment - (now or datetime.now(UTC))).total_seconds()
    return max(0.0, seconds) if seconds == seconds else None


def wait_s(
    attempt: int, asked_s: float | None, first_s: float, rng: random.Random
) -> float:
    r"""Seconds to wait after the failed attempt number ``attempt`` (from 0).

    .. math::
        w = \min(w_0 \cdot 2^{a}, 60) \cdot u, \qquad u \sim \mathcal{U}(0.5, 1)

    A server that asked for more with ``Retry-After`` gets it, up to the same 60
    seconds. The random factor keeps clients that failed together from coming back
    together.

    Args:
        attempt (int): How many attempts failed before this one.
        asked_s (float, optional): What ``Retry-After`` asked for.
        first_s (float): :math:`w_0`.
        rng (random.Random): Source of the jitter.
    """
    # Beyond 2^32 only the cap counts, and a float cannot overflow.
    backoff = min(first_s * 2.0 ** min(attempt, 32), LONGEST_WAIT_S)
    jittered = backoff * rng.uniform(0.5, 1.0)
    return min(max(jittered, asked_s or 0.0), LONGEST_WAIT_S)
