"""One ingredient after the other, here."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch_geometric.data import Data

from graphllm.experiments.ellagnn import Progress
from graphllm.experiments.ladling.ingredient import Ingredient
from graphllm.experiments.ladling.runners.shelf import Job, Shelf


@dataclass(frozen=True)
class InProcess:
    """Trains in this process, one ingredient at a time; for every network and graph."""

    def run(
        self,
        data: Data,
        jobs: Sequence[Job],
        folder: str | Path,
        progress: Progress | None = None,
    ) -> list[Ingredient]:
        """See :class:`~graphllm.experiments.ladling.runners.Runner`."""
        shelf = Shelf(data, jobs, folder, progress)
        for number in shelf.pending():
            shelf.put(number, jobs[number].train(data))
        return shelf.all()
