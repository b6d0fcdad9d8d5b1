"""What a runner is asked to train, and where it finds and leaves what is finished."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch_geometric.data import Data

from graphllm.experiments.ellagnn import Progress
from graphllm.experiments.fingerprint import features_hash
from graphllm.experiments.ladling.ingredient import Ingredient, train_ingredient
from graphllm.experiments.ladling.recipe import Factory, Recipe, initial_state
from graphllm.experiments.ledger import Ledger


@dataclass(frozen=True)
class Job:
    """One ingredient to train; small, whatever the size of the graph.

    Args:
        recipe (Recipe): Optimisation and subgraphs.
        factory (Callable): Makes the network. Its ``repr`` tells finished ingredients
            of different networks apart: best a frozen dataclass, such as
            :class:`~graphllm.experiments.ladling.recipe.Plain`.
        init_seed (int): Seed of the initial weights; jobs that shall be merged share
            it.
        seed (int): Seed of sampling and dropout.
    """

    recipe: Recipe
    factory: Factory
    init_seed: int
    seed: int

    def train(self, data: Data) -> Ingredient:
        """Train it here and now."""
        start = initial_state(self.factory, self.init_seed)
        return train_ingredient(data, self.recipe, start, self.seed, self.factory)

    def key(self, graph: str) -> str:
        """What its file is named by: whatever decides its weights."""
        return Ledger.key(
            method="ladling",
            graph=graph,
            recipe=repr(self.recipe),
            factory=repr(self.factory),
            init_seed=self.init_seed,
            seed=self.seed,
        )


class Runner(Protocol):
    """Trains ingredients: in this process, in others, or on other machines."""

    def run(
        self,
        data: Data,
        jobs: Sequence[Job],
        folder: str | Path,
        progress: Progress | None = None,
    ) -> list[Ingredient]:
        """Train what is not finished yet, and return all.

        Every ingredient is a file in the folder as soon as it is finished; a run that
        was killed goes on from there. The same job gives the same ingredient in every
        runner: bit by bit where networks are run one by one with as many threads, to
        rounding in :class:`~graphllm.experiments.ladling.runners.Vmapped`.

        Args:
            data (Data): The graph, see
                :func:`~graphllm.experiments.bare_graph.bare_graph`.
            jobs (Sequence[Job]): What to train.
            folder (str or Path): Where ingredients are kept.
            progress (Callable, optional): Called with ("train", done, all).

        Returns:
            list[Ingredient]: In the order of the jobs.
        """
        ...


class Shelf:
    """The finished ingredients of one call of a runner.

    Args:
        data (Data): The graph.
        jobs (Sequence[Job]): What to train.
        folder (str or Path): Where ingredients are kept.
        progress (Callable, optional): Told at once what is there already.
    """

    def __init__(
        self,
        data: Data,
        jobs: Sequence[Job],
        folder: str | Path,
        progress: Progress | None = None,
    ) -> None:
        graph = features_hash(data)
        self.progress = progress
        self.paths = [
            Path(folder) / f"ingredient-{job.key(graph)}.safetensors" for job in jobs
        ]
        self._tell()

    def pending(self) -> list[int]:
        """Numbers of the jobs that are not finished; of equal ones, the first."""
        first = {path: number for number, path in reversed([*enumerate(self.paths)])}
        return sorted(n for path, n in first.items() if not path.exists())

    def put(self, number: int, ingredient: Ingredient) -> None:
        """Save a finished ingredient."""
        ingredient.save(self.paths[number])
        self._tell()

    def found(self, number: int) -> bool:
        """Whether an ingredient is there, such as another process has saved."""
        self._tell()
        return self.paths[number].exists()

    def all(self) -> list[Ingredient]:
        """Every ingredient, in the order of the jobs."""
        return [Ingredient.load(path) for path in self.paths]

    def _tell(self) -> None:
        if self.progress is not None:
            done = sum(path.exists() for path in self.paths)
            self.progress("train", done, len(self.paths))
