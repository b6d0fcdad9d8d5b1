import threading
import time

import pytest

from graphllm.errors import LLMAccessError
from graphllm.llm import Completion, Message, Request
from graphllm.llm.parallel import stream_parallel

REQUESTS = [Request((Message("user", str(number)),)) for number in range(12)]


def number(request):
    return int(request.messages[0].content)


def echo(request):
    return Completion(request.messages[0].content)


def test_every_position_comes_once():
    stream = stream_parallel(echo, REQUESTS, 4, threading.Event())
    assert sorted((i, c.text) for i, c in stream) == sorted(
        (i, str(i)) for i in range(12)
    )
    assert list(stream_parallel(echo, [], 4, threading.Event())) == []


def test_quick_answers_overtake_slow_ones():
    def answer(request):
        time.sleep(0.2 if number(request) == 0 else 0)
        return echo(request)

    order = [i for i, _ in stream_parallel(answer, REQUESTS[:4], 2, threading.Event())]
    assert order[-1] == 0


def wait_for(condition):
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(0.03)  # time for anything that should not happen


def drain(stream, kept):
    for position, _ in stream:
        kept.append(position)


def test_nothing_new_starts_before_the_caller_comes_back():
    started = []

    def answer(request):
        started.append(number(request))
        return echo(request)

    stream = stream_parallel(answer, REQUESTS, 3, threading.Event())
    next(stream)
    wait_for(lambda: len(started) >= 3)
    assert len(started) == 3
    next(stream)
    wait_for(lambda: len(started) >= 4)
    assert len(started) == 4
    stream.close()
    wait_for(lambda: True)
    assert len(started) == 4


def test_an_error_stops_the_rest_but_keeps_what_is_on_its_way():
    started, kept, stop = [], [], threading.Event()

    def answer(request):
        started.append(number(request))
        if number(request) == 1:
            raise LLMAccessError("refused")
        stop.wait(10)  # still on its way when the error comes
        return echo(request)

    with pytest.raises(LLMAccessError, match="refused"):
        drain(stream_parallel(answer, REQUESTS, 3, stop), kept)
    assert sorted(kept) == [0, 2]
    assert sorted(started) == [0, 1, 2]


def test_an_interrupt_hands_over_what_is_finished():
    finished, stop = [], threading.Event()

    def answer(request):
        finished.append(number(request))
        return echo(request)

    stream = stream_parallel(answer, REQUESTS, 3, stop)
    kept = [next(stream)[0]]
    wait_for(lambda: len(finished) == 3)
    kept.append(stream.throw(KeyboardInterrupt)[0])
    with pytest.raises(KeyboardInterrupt):
        drain(stream, kept)
    assert sorted(kept) == [0, 1, 2]
    assert stop.is_set()
