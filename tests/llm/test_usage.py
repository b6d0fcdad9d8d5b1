from concurrent.futures import ThreadPoolExecutor

import pytest

from graphllm.errors import SpendingLimitError
from graphllm.llm import Budget, Price, Usage
from graphllm.llm.usage import Stopwatch


def test_a_price_is_for_a_million_tokens():
    assert Price(prompt=2.0, completion=10.0).of(500_000, 100_000) == 2.0


def test_calls_are_limited():
    budget = Budget(max_calls=2)
    budget.reserve(10, 10)
    budget.reserve(10, 10).settle(0, 0)
    with pytest.raises(SpendingLimitError, match="max_calls=2") as caught:
        budget.reserve(1, 1)
    assert "\n" not in str(caught.value)
    assert budget.calls == 2


def test_the_worst_case_counts_until_the_attempt_is_settled():
    budget = Budget(max_tokens=100)
    first = budget.reserve(40, 50)
    with pytest.raises(SpendingLimitError, match="max_tokens=100"):
        budget.reserve(5, 10)
    first.settle(40, 5)
    assert budget.tokens == 45
    budget.reserve(40, 15)
    assert budget.tokens == 100


def test_money_is_limited():
    budget = Budget(max_cost=0.001, price=Price(prompt=1.0, completion=4.0))
    budget.reserve(200, 100).settle(200, 100)
    assert budget.cost == pytest.approx(0.0006)
    with pytest.raises(SpendingLimitError, match=r"max_cost=0\.001"):
        budget.reserve(100, 100)


@pytest.mark.parametrize("limit", ["max_calls", "max_tokens", "max_cost"])
def test_limits_must_not_be_negative(limit):
    with pytest.raises(ValueError, match=f"'{limit}' must not be negative"):
        Budget(**{limit: -1}, price=Price())


def test_a_limit_on_money_needs_a_price():
    with pytest.raises(ValueError, match="needs a 'price'"):
        Budget(max_cost=1.0)


def test_zero_allows_nothing():
    with pytest.raises(SpendingLimitError):
        Budget(max_calls=0).reserve(0, 0)


# Guard 4: calls, tokens and money stay within their limits.
def test_threads_never_exceed_a_limit():
    budget = Budget(max_calls=50)

    def attempt(_):
        try:
            budget.reserve(1, 1).settle(1, 0)
        except SpendingLimitError:
            return 0
        return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(400))) == 50
    assert (budget.calls, budget.tokens) == (50, 50)


def test_the_stopwatch_adds_up():
    usage = Usage()
    for _ in range(2):
        with Stopwatch(usage):
            pass
    assert 0 < usage.wall_s < 1
    assert usage.as_dict()["wall_s"] == usage.wall_s
