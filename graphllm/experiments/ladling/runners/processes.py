"""Ingredients trained by several processes, which share the graph."""

import signal
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import torch
import torch.multiprocessing as mp
from torch_geometric.data import Data

from graphllm.errors import GraphLLMError
from graphllm.experiments.ellagnn import Progress
from graphllm.experiments.ladling.ingredient import Ingredient
from graphllm.experiments.ladling.runners.shelf import Job, Shelf


@dataclass(frozen=True)
class Processes:
    """Trains in worker processes of one thread each; for every network and graph.

    The tensors of the graph are moved to shared memory, where all workers read them.
    A worker saves its ingredient itself. If it dies, such as for want of memory, what
    it was training is given to a new one. On interruption the workers are stopped, and
    the same call goes on where it stopped.

    Workers start afresh (``spawn``): a script that uses them keeps its own work under
    ``if __name__ == "__main__":``, and a network factory of its own must be importable.

    Args:
        num_workers (int, optional): Processes. (default: :obj:`2`)
        max_retries (int, optional): How often an ingredient is begun again after its
            worker died. (default: :obj:`2`)

    Raises:
        GraphLLMError: If a number is out of range.
    """

    num_workers: int = 2
    max_retries: int = 2

    def __post_init__(self) -> None:
        """Check what was given."""
        if self.num_workers < 1:
            raise GraphLLMError(
                f"'num_workers' must be at least 1 (got {self.num_workers})"
            )
        if self.max_retries < 0:
            raise GraphLLMError(f"'max_retries' must be >= 0 (got {self.max_retries})")

    def run(
        self,
        data: Data,
        jobs: Sequence[Job],
        folder: str | Path,
        progress: Progress | None = None,
    ) -> list[Ingredient]:
        """See :class:`~graphllm.experiments.ladling.runners.Runner`.

        Raises:
            GraphLLMError: If an ingredient cannot be trained, or its worker dies too
                often.
        """
        shelf = Shelf(data, jobs, folder, progress)
        pending = deque(shelf.pending())
        if not pending:
            return shelf.all()
        for _, tensor in data:
            if isinstance(tensor, torch.Tensor):
                tensor.share_memory_()
        count = min(self.num_workers, len(pending))
        pool = [_Worker(data) for _ in range(count)]
        deaths: Counter[int] = Counter()
        try:
            while pending or any(worker.number is not None for worker in pool):
                for worker in pool:
                    if worker.number is None and pending:
                        number = pending.popleft()
                        worker.give(number, jobs[number], shelf.paths[number])
                for number in _next(pool):
                    if not shelf.found(number):
                        deaths[number] += 1
                        self._check(number, deaths[number])
                        pending.appendleft(number)
        finally:
            for worker in pool:
                worker.stop()
        return shelf.all()

    def _check(self, number: int, deaths: int) -> None:
        if deaths > self.max_retries:
            raise GraphLLMError(
                f"the worker process that trained ingredient {number} died {deaths} "
                "times; if it ran out of memory, use fewer workers. Finished "
                "ingredients are kept"
            )


class _Worker:
    """One process, and the number of the job it is at."""

    def __init__(self, data: Data) -> None:
        self.data = data
        self.number: int | None = None
        self._start()

    def _start(self) -> None:
        context = mp.get_context("spawn")
        self.connection, other = context.Pipe()
        self.process = context.Process(
            target=_work, args=(other, self.data), daemon=True
        )
        self.process.start()
        # Only the worker keeps its end, so that its death closes the pipe.
        other.close()

    def give(self, number: int, job: Job, path: Path) -> None:
        self.number = number
        try:
            self.connection.send((job, str(path)))
        except (BrokenPipeError, ConnectionResetError):
            # It died while idle; its end of the pipe says so to whoever waits.
            return

    def take(self) -> int:
        """The job it has finished or given up; raises what went wrong in it."""
        number, self.number = self.number, None
        assert number is not None
        try:
            error = self.connection.recv()
        except (EOFError, ConnectionResetError):
            self.stop()
            self._start()
            return number
        if error is not None:
            raise GraphLLMError(error)
        return number

    def stop(self) -> None:
        self.connection.close()
        self.process.terminate()
        self.process.join()


def _next(pool: Sequence[_Worker]) -> list[int]:
    """Numbers of the jobs that ended, once there is one; sees deaths too."""
    busy: dict[Any, _Worker] = {
        worker.connection: worker for worker in pool if worker.number is not None
    }
    return [busy[ready].take() for ready in wait(list(busy))]


def _work(connection: Connection, data: Data) -> None:
    """What a worker does: train what it is told until there is nobody to tell it."""
    # The parent is interrupted too, and ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    while True:
        try:
            job, path = connection.recv()
        except EOFError:
            return
        try:
            job.train(data).save(path)
        except GraphLLMError as error:
            connection.send(str(error))
        except Exception as error:  # a factory or a network of the caller's
            connection.send(f"an ingredient cannot be trained ({error!r})")
        else:
            connection.send(None)
