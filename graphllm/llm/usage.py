"""What the language model cost: counted, limited, never exceeded."""

import threading
import time
from dataclasses import dataclass

from graphllm.errors import SpendingLimitError

# How every refusal for money's sake begins; a caller can tell it from other errors.
LIMIT_REACHED = "spending limit reached"


@dataclass
class Usage:
    """Totals over the life of one LLM object.

    Args:
        calls (int): Requests sent to a model, retries included.
        cache_hits (int): Requests answered without a model.
        prompt_tokens (int): Tokens read by the model.
        completion_tokens (int): Tokens written by the model.
        failures (int): Requests that ended without an answer.
        cost (float): Money spent, in the unit of the price given.
        wall_s (float): Seconds spent inside ``complete``.
    """

    calls: int = 0
    cache_hits: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    failures: int = 0
    cost: float = 0.0
    wall_s: float = 0.0

    def as_dict(self) -> dict[str, int | float]:
        """The totals as they stand in ``result.json``."""
        return dict(self.__dict__)


@dataclass(frozen=True)
class Price:
    """Money a million tokens, as hosted services quote it."""

    prompt: float = 0.0
    completion: float = 0.0

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Cost of one call."""
        return (self.prompt * prompt_tokens + self.completion * completion_tokens) / 1e6


class Budget:
    """A hard limit on what may be spent, shared by any number of threads.

    Every attempt, a retry too, first *reserves* its worst case (prompt tokens plus
    ``max_new_tokens``) and then *settles* with what it really used, so the limits
    hold at any moment and not just on average.

    Args:
        max_calls (int, optional): Attempts allowed.
        max_tokens (int, optional): Prompt plus completion tokens allowed.
        max_cost (float, optional): Money allowed; needs ``price``.
        price (Price, optional): What a token costs.

    Raises:
        ValueError: If a limit is negative, or ``max_cost`` comes without a price.
    """

    def __init__(
        self,
        max_calls: int | None = None,
        max_tokens: int | None = None,
        max_cost: float | None = None,
        price: Price | None = None,
    ) -> None:
        for name, limit in (
            ("max_calls", max_calls),
            ("max_tokens", max_tokens),
            ("max_cost", max_cost),
        ):
            if limit is not None and limit < 0:
                raise ValueError(f"'{name}' must not be negative (got {limit})")
        if max_cost is not None and price is None:
            raise ValueError("'max_cost' needs a 'price' to count with")
        self.max_calls = max_calls
        self.max_tokens = max_tokens
        self.max_cost = max_cost
        self.price = price or Price()
        self.calls = 0
        self.tokens = 0
        self.cost = 0.0
        self._lock = threading.Lock()

    def reserve(self, prompt_tokens: int, max_new_tokens: int) -> "Reservation":
        """Set the worst case of one attempt aside.

        Raises:
            SpendingLimitError: If the attempt could exceed a limit.
        """
        cost = self.price.of(prompt_tokens, max_new_tokens)
        tokens = prompt_tokens + max_new_tokens
        with self._lock:
            self._check("max_calls", self.calls + 1, self.max_calls)
            self._check("max_tokens", self.tokens + tokens, self.max_tokens)
            self._check("max_cost", self.cost + cost, self.max_cost)
            self.calls += 1
            self.tokens += tokens
            self.cost += cost
        return Reservation(self, tokens, cost)

    @staticmethod
    def _check(name: str, value: float, limit: float | None) -> None:
        if limit is not None and value > limit:
            raise SpendingLimitError(
                f"{LIMIT_REACHED}: {name}={limit:g} "
                f"(the next call could bring it to {value:g}); "
                "answers so far are kept, raise the limit to go on"
            )


@dataclass
class Reservation:
    """The worst case of one attempt, set aside in a :class:`Budget`."""

    budget: Budget
    tokens: int
    cost: float

    def settle(self, prompt_tokens: int, completion_tokens: int) -> None:
        """Replace the worst case by what the attempt really used."""
        budget = self.budget
        with budget._lock:
            budget.tokens += prompt_tokens + completion_tokens - self.tokens
            budget.cost += budget.price.of(prompt_tokens, completion_tokens) - self.cost
        self.tokens = prompt_tokens + completion_tokens
        self.cost = budget.price.of(prompt_tokens, completion_tokens)


class Stopwatch:
    """Adds the seconds of a ``with`` block to ``usage.wall_s``."""

    def __init__(self, usage: Usage) -> None:
        self.usage = usage

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.usage.wall_s += time.perf_counter() - self._start
