"""Many requests at once, answers in the order they arrive."""

import threading
from collections.abc import Callable, Generator, Sequence
from itertools import islice
from queue import Empty, SimpleQueue

from graphllm.llm.base import Completion, Request

Outcome = tuple[int, Completion | BaseException]


def stream_parallel(
    answer: Callable[[Request], Completion],
    requests: Sequence[Request],
    concurrency: int,
    stop: threading.Event,
) -> Generator[tuple[int, Completion], None, None]:
    """Call ``answer`` for each request on at most ``concurrency`` threads.

    A new request is started only when the caller comes back for more, that is, after
    it has stored what it was given. So never more than ``concurrency`` answers are
    unaccounted for, however the process ends.

    When ``answer`` raises, nothing new is started, what is already on its way is
    waited for and yielded, then the error is raised. When the caller is interrupted
    (Ctrl-C), finished answers are yielded and the interrupt is raised; the threads
    are daemons and hold nobody up.

    Args:
        answer (Callable): Answers one request; runs on a worker thread.
        requests (Sequence[Request]): The requests.
        concurrency (int): Most threads.
        stop (threading.Event): Set as soon as nobody waits for answers any more.

    Yields:
        tuple[int, Completion]: Position and answer.
    """
    todo: SimpleQueue[int | None] = SimpleQueue()
    done: SimpleQueue[Outcome] = SimpleQueue()

    def work() -> None:
        while (position := todo.get()) is not None:
            try:
                done.put((position, answer(requests[position])))
            except BaseException as error:  # raised again where the caller waits
                done.put((position, error))

    workers = min(concurrency, len(requests))
    for _ in range(workers):
        threading.Thread(target=work, daemon=True, name="graphllm-llm").start()
    waiting = iter(range(len(requests)))
    running = 0
    failure: BaseException | None = None
    try:
        for position in islice(waiting, workers):
            todo.put(position)
            running += 1
        while running:
            position, outcome = done.get()
            running -= 1
            if isinstance(outcome, BaseException):
                failure = failure or outcome
                stop.set()
            else:
                yield position, outcome
            if failure is None and (position := next(waiting, -1)) >= 0:
                todo.put(position)
                running += 1
    except KeyboardInterrupt:
        stop.set()
        yield from _finished(done)
        raise
    finally:
        stop.set()
        for _ in range(workers):
            todo.put(None)
    if failure is not None:
        raise failure


def _finished(
    done: "SimpleQueue[Outcome]",
) -> Generator[tuple[int, Completion], None, None]:
    while True:
        try:
            position, outcome = done.get_nowait()
        except Empty:
            return
        if isinstance(outcome, Completion):
            yield position, outcome
