"""Processes that are killed, and processes that share one store."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from graphllm.llm import AnswerStore, CachedLLM, Message, OpenAILLM, Request
from graphllm.testing import FaultServer


def ask(text, **options):
    return Request((Message("user", text),), **options)


def texts(answers):
    return [answer.text for answer in answers]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "answers.sqlite"


SCRIPT = textwrap.dedent(
    """
    import signal, sys
    from graphllm.llm import CachedLLM, Message, OpenAILLM, Request

    # Jobs in the background of a shell start with the interrupt switched off.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    url, path, first, last, concurrency = sys.argv[1:]
    numbers = range(int(first), int(last))
    requests = [Request((Message("user", f"node {n}"),), node=n) for n in numbers]
    llm = OpenAILLM(url, "fault", concurrency=int(concurrency), backoff_s=0.01)
    CachedLLM(llm, path).complete(requests)
    """
)


def start(server, path, first, last, concurrency=1):
    arguments = [server.url, str(path), str(first), str(last), str(concurrency)]
    return subprocess.Popen([sys.executable, "-c", SCRIPT, *arguments])


def wait_for_calls(server, number, process):
    deadline = time.monotonic() + 60
    while server.calls < number:
        assert process.poll() is None, "the process ended before it was stopped"
        assert time.monotonic() < deadline, "the process is too slow"
        time.sleep(0.002)


def undisturbed(tmp_path, requests):
    with FaultServer() as server:
        llm = CachedLLM(OpenAILLM(server.url, "fault"), tmp_path / "other.sqlite")
        return texts(llm.complete(requests))


# Guard 2: killed after n of m answers, a run asks exactly m - n.
@pytest.mark.parametrize(
    ("concurrency", "signal_number"),
    [(1, signal.SIGKILL), (4, signal.SIGKILL), (4, signal.SIGINT)],
)
def test_a_killed_run_asks_exactly_the_missing_questions(
    tmp_path, path, concurrency, signal_number
):
    total = 40
    requests = [ask(f"node {number}", node=number) for number in range(total)]
    # Slow enough that a busy machine does not end the run before the signal.
    with FaultServer(delay_s=0.1) as server:
        process = start(server, path, 0, total, concurrency)
        wait_for_calls(server, total // 2, process)
        os.kill(process.pid, signal_number)
        assert process.wait(10) != 0
        time.sleep(0.3)  # requests on their way arrive
        asked = server.calls
        stored = len(AnswerStore(path))
        assert asked - concurrency <= stored <= asked < total
        server.delay_s = 0.0
        cached = CachedLLM(OpenAILLM(server.url, "fault"), path)
        answers = cached.complete(requests)
        assert server.calls - asked == total - stored
        assert texts(answers) == undisturbed(tmp_path, requests)
        assert cached.store.verify() == {}
        cached.complete(requests)
        assert server.calls == asked + total - stored


WRITER = textwrap.dedent(
    """
    import sys
    from graphllm.llm import Backend, CachedLLM, Completion, Message, Request

    class Echo(Backend):
        model = "echo"

        def stream(self, requests):
            for position, request in enumerate(requests):
                yield position, Completion(request.messages[0].content)

    path, first, last = sys.argv[1:]
    numbers = range(int(first), int(last))
    requests = [Request((Message("user", f"node {n}"),)) for n in numbers]
    answers = CachedLLM(Echo(), path).complete(requests)
    sys.exit([a.text for a in answers] != [f"node {n}" for n in numbers])
    """
)


def test_processes_make_and_share_a_store(path):
    processes = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), *bounds])
        for bounds in (("0", "300"), ("150", "450"), ("0", "450"))
    ]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    store = AnswerStore(path)
    assert len(store) == 450
    assert store.verify() == {}
