import random
from datetime import UTC, datetime

import pytest

from graphllm.llm.retry import LONGEST_WAIT_S, retry_after_s, wait_s, worth_retrying

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "again"),
    [
        *((status, False) for status in (400, 401, 403, 404, 422)),
        *((status, True) for status in (408, 409, 429, 500, 503, 529)),
    ],
)
def test_which_statuses_are_retried(status, again):
    assert worth_retrying(status) is again


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("soon", None),
        ("nan", None),
        ("Thu, 01 Jan 2026 12:00:30 GMT", 30.0),
        ("Thu, 01 Jan 2026 12:00:30 -0000", 30.0),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0.0),
    ],
)
def test_retry_after_is_read_in_both_forms(value, seconds):
    assert retry_after_s(value, NOW) == seconds


def test_the_wait_doubles_within_its_jitter_and_is_capped():
    rng = random.Random(0)
    for attempt, full in enumerate([0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]):
        waits = [wait_s(attempt, None, 0.5, rng) for _ in range(200)]
        assert full / 2 <= min(waits) < max(waits) <= full
    assert wait_s(10**6, None, 0.5, rng) <= LONGEST_WAIT_S


def test_the_server_may_ask_for_more_but_not_for_an_hour():
    rng = random.Random(0)
    assert wait_s(0, 9.0, 0.5, rng) == 9.0
    assert wait_s(0, 3600.0, 0.5, rng) == LONGEST_WAIT_S
    assert wait_s(0, 0.0, 0.5, rng) >= 0.25


def test_equal_seeds_wait_equally():
    one, two = random.Random(3), random.Random(3)
    assert [wait_s(a, None, 1, one) for a in range(5)] == [
        wait_s(a, None, 1, two) for a in range(5)
    ]
