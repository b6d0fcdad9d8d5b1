"""Ingredients as tasks of a Ray cluster, or of Ray on this machine."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from warnings import catch_warnings, filterwarnings

import numpy as np
import torch
from torch_geometric.data import Data

from graphllm._optional import require
from graphllm.errors import GraphLLMError
from graphllm.experiments.ellagnn import Progress
from graphllm.experiments.ladling.ingredient import Ingredient
from graphllm.experiments.ladling.runners.shelf import Job, Shelf

Arrays = dict[str, np.ndarray]
_PATIENCE_S = 5.0


@dataclass(frozen=True)
class Ray:
    """Trains each ingredient as a Ray task of one processor and one thread.

    The graph goes to Ray's object store once; the tasks of a machine read one copy of
    it. An ingredient whose worker or machine is lost is trained again elsewhere. Each
    is saved by the driver as soon as it arrives: if the driver dies, the same call
    goes on with what is missing.

    Args:
        address (str, optional): Of a cluster, or ``"auto"`` for the one that runs on
            this machine (``ray start --head``). Without it Ray is started here and
            stopped afterwards, unless it runs in this process already.
            (default: :obj:`None`)
        max_retries (int, optional): How often a lost ingredient is begun again.
            (default: :obj:`3`)
        num_cpus (int, optional): Processors of a Ray that is started here; all when
            not given. (default: :obj:`None`)
        object_store_mb (int, optional): Memory of a Ray that is started here for the
            graph and for ingredients on their way. (default: :obj:`200`)

    Raises:
        GraphLLMError: If ``max_retries`` is below zero.
    """

    address: str | None = None
    max_retries: int = 3
    num_cpus: int | None = None
    object_store_mb: int = 200

    def __post_init__(self) -> None:
        """Check what was given."""
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
            MissingExtraError: If Ray is not installed.
            GraphLLMError: If the cluster cannot be reached, or an ingredient cannot
                be trained.
        """
        shelf = Shelf(data, jobs, folder, progress)
        pending = shelf.pending()
        if not pending:
            return shelf.all()
        ray = require("ray", "ray", "the Ray runner")
        started = self._connect(ray)
        waiting: dict[Any, int] = {}
        try:
            graph = ray.put({name: each.cpu().numpy() for name, each in _tensors(data)})
            task = ray.remote(num_cpus=1, max_retries=self.max_retries)(_train)
            waiting |= {task.remote(graph, jobs[number]): number for number in pending}
            while waiting:
                (ready,), _ = ray.wait(list(waiting), num_returns=1)
                number = waiting.pop(ready)
                shelf.put(number, _fetched(ray, ready, number))
        except KeyboardInterrupt:
            for lost in waiting:
                ray.cancel(lost, force=True)
            raise
        finally:
            if started:
                ray.shutdown()
        return shelf.all()

    def _connect(self, ray: Any) -> bool:
        """Whether Ray was started, or joined, by this call."""
        if ray.is_initialized():
            return False
        options: dict[str, Any] = {"address": self.address}
        if self.address is None:
            options = {
                # Not what a variable of the environment may name.
                "address": "local",
                "num_cpus": self.num_cpus,
                "object_store_memory": self.object_store_mb * 2**20,
                "include_dashboard": False,
            }
        try:
            _knock(self.address)
            ray.init(log_to_driver=False, **options)
        except (OSError, ValueError, ray.exceptions.RayError) as error:
            raise GraphLLMError(
                f"cannot reach Ray at '{self.address}' ({error}); start it with "
                "'ray start --head' or leave the address out"
            ) from None
        return True


def _knock(address: str | None) -> None:
    """Fail at once where nobody listens; Ray itself tries for minutes."""
    host, _, port = (address or "").rpartition("//")[2].rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=_PATIENCE_S).close()


def _tensors(data: Data) -> list[tuple[str, torch.Tensor]]:
    return [(name, each) for name, each in data if isinstance(each, torch.Tensor)]


def _fetched(ray: Any, task: Any, number: int) -> Ingredient:
    try:
        arrays, ingredient = ray.get(task)
    except ray.exceptions.RayTaskError as error:
        raise GraphLLMError(
            f"ingredient {number} cannot be trained ({error.cause})"
        ) from error
    except ray.exceptions.RayError as error:
        raise GraphLLMError(
            f"ingredient {number} was lost more often than 'max_retries' allows "
            f"({type(error).__name__}); finished ingredients are kept"
        ) from error
    # Read-only views of the object store, which is about to be emptied.
    state = {name: torch.from_numpy(each.copy()) for name, each in arrays.items()}
    done: Ingredient = replace(ingredient, state_dict=state)
    return done


def _train(graph: Arrays, job: Job) -> tuple[Arrays, Ingredient]:
    """What a task does, on whatever machine it is."""
    torch.set_num_threads(1)
    with catch_warnings():
        # Nothing writes to the graph, which the store does not allow.
        filterwarnings("ignore", message="The given NumPy array is not writ")
        tensors = {name: torch.from_numpy(each) for name, each in graph.items()}
    done = job.train(Data(**tensors, num_nodes=tensors["x"].size(0)))
    arrays = {name: each.numpy() for name, each in done.state_dict.items()}
    return arrays, replace(done, state_dict={})
