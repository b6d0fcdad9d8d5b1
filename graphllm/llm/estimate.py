"""What asking would cost, told before anything is asked."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from graphllm.llm.base import LLM, Request
from graphllm.llm.cache import CachedLLM
from graphllm.llm.replay import ReplayLLM
from graphllm.llm.usage import Price

_TOKENS_PER_MESSAGE = 8  # role and turn markers of a usual chat template


@dataclass(frozen=True)
class Estimate:
    """An upper bound of what some requests would cost.

    Args:
        calls (int): Questions the model would be asked, without retries.
        cached (int): Requests answered from a store or a file; free.
        duplicate (int): Requests that repeat another one of the call; free.
        prompt_tokens (int): Tokens the model would read.
        max_completion_tokens (int): Most tokens it could write.
        cost (float, optional): Most money, where a price is known.
        seconds (float, optional): Expected time, where the model's speed is known.
    """

    calls: int
    cached: int
    duplicate: int
    prompt_tokens: int
    max_completion_tokens: int
    cost: float | None = None
    seconds: float | None = None

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens, at most."""
        return self.prompt_tokens + self.max_completion_tokens

    def __str__(self) -> str:
        free = [f"{self.cached} cached"] if self.cached else []
        if self.duplicate:
            free.append(f"{self.duplicate} repeated")
        text = f"{self.calls} {'call' if self.calls == 1 else 'calls'}"
        text += f" ({', '.join(free)})" if free else ""
        text += f", <= {_tokens(self.tokens)} tokens"
        if self.cost is not None:
            text += f", <= {self.cost:.2f} in money"
        if self.seconds is not None:
            text += f", about {_duration(self.seconds)}"
        return text


def estimate(
    llm: LLM, requests: Sequence[Request], *, price: Price | None = None
) -> Estimate:
    """Count what ``llm.complete(requests)`` would ask, without asking.

    Time comes from the median answer of the same model (and template, where there
    is one) in the store, divided by the requests that run at a time; without such a
    history from the model's ``measure_speed()`` in tokens a second.

    Args:
        llm (LLM): Any language model; a :class:`~graphllm.llm.CachedLLM` answers
            stored and repeated questions for free.
        requests (Sequence[Request]): The questions.
        price (Price, optional): Money a token. (default: the price of ``llm``)

    Returns:
        Estimate: Calls, tokens, money, seconds.
    """
    inner = llm.llm if isinstance(llm, CachedLLM) else llm
    asked, cached, duplicate = _split(llm, inner, requests)
    count = getattr(llm, "count_tokens", None) or (lambda text: (len(text) + 3) // 4)
    texts = Counter(turn.content for request in asked for turn in request.messages)
    read = sum(count(text) * times for text, times in texts.items())
    read += _TOKENS_PER_MESSAGE * sum(texts.values())
    written = sum(request.max_new_tokens for request in asked)
    price = price or getattr(inner, "price", None)
    known = price is not None and (price.prompt > 0 or price.completion > 0)
    return Estimate(
        calls=len(asked),
        cached=cached,
        duplicate=duplicate,
        prompt_tokens=read,
        max_completion_tokens=written,
        cost=price.of(read, written) if price is not None and known else None,
        seconds=_seconds(llm, inner, asked, written),
    )


def _split(
    llm: LLM, inner: LLM, requests: Sequence[Request]
) -> tuple[list[Request], int, int]:
    if isinstance(inner, ReplayLLM):
        return [], len(requests), 0
    if not isinstance(llm, CachedLLM):
        return list(requests), 0, 0
    plan = llm.plan(requests)
    asked = [positions[0] for positions in plan.ask.values()] + plan.uncached
    duplicate = len(requests) - len(plan.cached) - len(asked)
    return [requests[position] for position in asked], len(plan.cached), duplicate


def _seconds(llm: LLM, inner: LLM, asked: list[Request], written: int) -> float | None:
    if not asked:
        return 0.0
    if isinstance(llm, CachedLLM):
        known = {
            template: llm.store.seconds(llm.model, template)
            for template in {request.template for request in asked}
        }
        other = llm.store.seconds(llm.model)
        if other:
            typical = {name: median(times or other) for name, times in known.items()}
            total = sum(typical[request.template] for request in asked)
            at_once = min(len(asked), max(1, getattr(inner, "concurrency", 1)))
            return total / at_once
    measure = getattr(inner, "measure_speed", None)
    return written / float(measure()) if measure else None


def _tokens(number: int) -> str:
    return f"{number:,}" if number < 10_000 else f"{number / 1e6:.2f} M"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
