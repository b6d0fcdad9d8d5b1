import os
import signal
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from graphllm.errors import GraphLLMError
from graphllm.experiments.ladling import InProcess, Processes
from graphllm.experiments.ladling.runners.shelf import Shelf
from graphllm.loader import LayerSampled


def workers():
    """Living worker processes that were started from this one, by number."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            status = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
            command = Path(f"/proc/{entry}/cmdline").read_text()
        except OSError:
            continue
        if int(status[1]) == os.getpid() and "spawn_main" in command:
            found.append(int(entry))
    return found


def kill_workers(shelf, done, times, killed):
    """SIGKILL a worker so many times, once so many ingredients are finished."""
    while len(killed) < times:
        if sum(path.exists() for path in shelf.paths) >= done:
            for number in workers():
                if number not in killed:
                    os.kill(number, signal.SIGKILL)
                    killed.append(number)
                    break
        time.sleep(0.2)


@pytest.mark.slow
def test_workers_give_the_ingredients_of_this_process(graph, jobs_of, tmp_path, equal):
    jobs = jobs_of(seeds=range(4), norm="batch_norm", backbone="gat")
    alone = InProcess().run(graph, jobs, tmp_path / "a")
    seen = []
    made = Processes(2).run(
        graph, jobs, tmp_path / "b", lambda stage, done, total: seen.append(done)
    )
    for one, other in zip(alone, made, strict=True):
        equal(one, other)
    assert len({each.worker for each in made}) == 2
    assert alone[0].worker not in {each.worker for each in made}
    assert seen[0] == 0
    assert seen[-1] == 4
    assert graph.x.is_shared()
    assert not workers()
    # Nothing is left to do, so no process is started.
    again = Processes(2).run(graph, jobs, tmp_path / "b")
    assert [each.worker for each in again] == [each.worker for each in made]


@pytest.mark.slow
def test_a_killed_worker_loses_nothing(graph, jobs_of, tmp_path, equal):
    jobs = jobs_of(seeds=range(3), epochs=1500, patience=1500, dropout=0.2)
    shelf = Shelf(graph, jobs, tmp_path / "b")
    killed = []
    arguments = (shelf, 1, 1, killed)
    killer = threading.Thread(target=kill_workers, args=arguments, daemon=True)
    killer.start()
    made = Processes(1).run(graph, jobs, tmp_path / "b")
    assert killed, "all was finished before the worker could be killed"
    assert len({each.worker for each in made}) == 2
    first = InProcess().run(graph, jobs[:1], tmp_path / "a")
    equal(first[0], made[0])
    assert [each.seed for each in made] == [0, 1, 2]


@pytest.mark.slow
def test_who_dies_too_often_is_given_up(graph, jobs_of, tmp_path):
    jobs = jobs_of(seeds=range(2), epochs=100_000, patience=100_000)
    killed = []
    arguments = (Shelf(graph, jobs, tmp_path), 0, 2, killed)
    killer = threading.Thread(target=kill_workers, args=arguments, daemon=True)
    killer.start()
    with pytest.raises(GraphLLMError, match="ingredient 0 died 2 times"):
        Processes(1, max_retries=1).run(graph, jobs, tmp_path)
    assert len(killed) == 2
    assert not workers()


@pytest.mark.slow
def test_what_is_wrong_in_a_worker_is_said_here(graph, jobs_of, tmp_path):
    jobs = jobs_of(backbone="sage", subgraphs=LayerSampled(num_nodes=(9, 9)))
    with pytest.raises(GraphLLMError, match="'GraphSAGE' ignores edge weights"):
        Processes(1).run(graph, jobs, tmp_path)
    # A factory of the caller's that fails in its own way.
    jobs = [replace(job, factory=partial(int, "mine")) for job in jobs_of()]
    with pytest.raises(GraphLLMError, match=r"cannot be trained \(ValueError.*'mine'"):
        Processes(1).run(graph, jobs, tmp_path)
    assert not workers()


def test_an_interruption_ends_the_workers(graph, jobs_of, tmp_path, monkeypatch):
    stopped = []

    class Worker:
        number = None

        def __init__(self, data):
            pass

        def give(self, number, job, path):
            raise KeyboardInterrupt

        def stop(self):
            stopped.append(self)

    monkeypatch.setattr(
        "graphllm.experiments.ladling.runners.processes._Worker", Worker
    )
    with pytest.raises(KeyboardInterrupt):
        Processes(2).run(graph, jobs_of(), tmp_path)
    assert len(stopped) == 2


def test_numbers_out_of_range_are_refused():
    with pytest.raises(GraphLLMError, match="'num_workers' must be at least 1"):
        Processes(0)
    with pytest.raises(GraphLLMError, match="'max_retries' must be >= 0"):
        Processes(1, max_retries=-1)
