"""The Graph Ladling experiment: ingredients, soups and controls, every repeat."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from torch import Tensor
from torch_geometric.data import Data

from graphllm.data import apply_split
from graphllm.errors import GraphLLMError, UnknownNameError
from graphllm.evaluate import Result
from graphllm.experiments.bare_graph import bare_graph
from graphllm.experiments.ellagnn import Progress
from graphllm.experiments.ladling.arms import METHODS, OWN, OWN_GIS
from graphllm.experiments.ladling.ingredient import Ingredient
from graphllm.experiments.ladling.measure import Stages
from graphllm.experiments.ladling.networks import with_enhanced
from graphllm.experiments.ladling.recipe import (
    Factory,
    Recipe,
    plain_factory,
)
from graphllm.experiments.ladling.record import as_result
from graphllm.experiments.ladling.repeat import Kitchen, Repeat
from graphllm.experiments.ladling.runners import (
    InProcess,
    Job,
    Runner,
    Vmapped,
    can_stack,
)
from graphllm.experiments.ladling.streams import stream
from graphllm.experiments.progress import part_of


def run_ladling(
    data: Data,
    *,
    x: Tensor | None = None,
    split: str = "random-20-30-per-class",
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    recipe: Recipe | None = None,
    num_ingredients: int = 10,
    runner: Runner | None = None,
    methods: Sequence[str] = METHODS,
    granularity: int = 11,
    folder: str | Path | None = None,
    factory: Factory | None = None,
    progress: Progress | None = None,
) -> Result:
    """Graph Ladling and its controls on one graph.

    For each seed: the split, ``num_ingredients`` networks trained from the same
    initial weights, as many trained each from its own where that control is asked
    for, and the arms made of them, see
    :obj:`graphllm.experiments.ladling.arms.NOTES`. All arms of a seed are made of the
    same ingredients, so that differences are paired. What is chosen is chosen on the
    validation nodes; test nodes are read once an arm, after all soups are made.

    Args:
        data (Data): A graph with labels; text plays no part.
        x (Tensor, optional): Features, :math:`(|V|, F)`; ``data.x`` when not given.
        split (str, optional): See :func:`graphllm.data.apply_split`.
        seeds (Sequence[int], optional): Repeats: seeds of split, initial weights and
            ingredients.
        recipe (Recipe, optional): Network, optimisation and subgraphs.
            (default: two layers of GCN on the whole graph, see :class:`Recipe`)
        num_ingredients (int, optional): Networks a soup. (default: :obj:`10`)
        runner (Runner, optional): Who trains. (default: all at once in this process,
            where :class:`Vmapped` can, else one by one)
        methods (Sequence[str], optional): Arms besides the ingredients themselves.
            (default: all there are)
        granularity (int, optional): Grid of the greedy interpolation.
            (default: :obj:`11`)
        folder (str or Path, optional): Where finished ingredients are kept, and found
            again by the next run. (default: a temporary folder)
        factory (Callable, optional): Makes the network, called like
            ``model(x, edge_index)``, in the place of the recipe's backbone. Its
            ``repr`` names it in the folder.
        progress (Callable, optional): Called with (stage, done, all).

    Returns:
        Result: Arms with ``test_acc`` and ``val_acc`` a seed; ``details["study"]``
        holds paired differences, gain against the number of ingredients, loss
        barriers, shares and steps of every soup, seconds and memory of each stage.

    Raises:
        TextGraphError: If the graph has no features or labels.
        UnknownNameError: If there is no such method.
        GraphLLMError: If there are fewer than two ingredients or no seed.
    """
    recipe = recipe or Recipe()
    _check(num_ingredients, methods, seeds, granularity)
    stages = Stages()
    done: list[Repeat] = []
    with ExitStack() as stack:
        if folder is None:
            folder = stack.enter_context(TemporaryDirectory(prefix="ladling-"))
        for number, seed in enumerate(seeds):
            graph = with_enhanced(bare_graph(apply_split(data, split, seed), x), data)
            made = factory or plain_factory(graph, recipe)
            jobs = _jobs(made, recipe, seed, num_ingredients, methods)
            runner = runner or (Vmapped() if can_stack(jobs[0]) else InProcess())
            with stages.stage("train"):
                tell = part_of(progress, number, len(seeds))
                trained = runner.run(graph, jobs, folder, tell)
            kitchen = Kitchen(made, graph, methods, granularity, stages, seed)
            done.append(_cooked(kitchen, trained, num_ingredients))
            if progress is not None:
                progress("soups", number + 1, len(seeds))
    return as_result(
        data,
        split,
        seeds,
        done,
        recipe,
        stages,
        num_ingredients=num_ingredients,
        granularity=granularity,
        runner=repr(runner),
        network=repr(made),
    )


def _check(
    num_ingredients: int,
    methods: Sequence[str],
    seeds: Sequence[int],
    granularity: int,
) -> None:
    if num_ingredients < 2:
        raise GraphLLMError(
            f"a soup needs at least 2 ingredients (got {num_ingredients})"
        )
    if granularity < 3:
        raise GraphLLMError(
            "'granularity' must be at least 3, both ends and something between them "
            f"(got {granularity})"
        )
    if not seeds:
        raise GraphLLMError("there is nothing to run (got no seeds); give at least one")
    for name in methods:
        if name not in METHODS:
            raise UnknownNameError("way to make a soup", name, METHODS)


def _jobs(
    factory: Factory,
    recipe: Recipe,
    seed: int,
    num_ingredients: int,
    methods: Sequence[str],
) -> list[Job]:
    """Ingredients that share their initial weights, then those that do not."""
    start = stream(seed, "shared")
    numbers = range(num_ingredients)
    jobs = [Job(recipe, factory, start, stream(seed, "job", k)) for k in numbers]
    if OWN in methods or OWN_GIS in methods:
        for k in numbers:
            own = stream(seed, "own", k)
            jobs.append(Job(recipe, factory, own, stream(seed, "job", k)))
    return jobs


def _cooked(
    kitchen: Kitchen, trained: Sequence[Ingredient], num_ingredients: int
) -> Repeat:
    return kitchen.cook(trained[:num_ingredients], trained[num_ingredients:])
