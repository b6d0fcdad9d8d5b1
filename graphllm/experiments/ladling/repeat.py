"""One repeat of the experiment: what is made of the ingredients, and its worth."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch_geometric.data import Data

from graphllm.experiments.ladling.arms import (
    BEST,
    ENSEMBLE,
    GIS,
    GREEDY,
    LEARNED,
    MEAN,
    OWN,
    OWN_GIS,
    PARTITIONED,
    RECALIBRATED,
    UNIFORM,
)
from graphllm.experiments.ladling.ingredient import Ingredient
from graphllm.experiments.ladling.measure import Stages
from graphllm.experiments.ladling.partitioned import ValidationParts
from graphllm.experiments.ladling.reading import Accuracies, Reader, fresh
from graphllm.experiments.ladling.recipe import Factory
from graphllm.experiments.ladling.souping import Scorer
from graphllm.experiments.ladling.streams import stream
from graphllm.seed import generator
from graphllm.soup import (
    LearnedSoup,
    Score,
    SoupResult,
    greedy_interpolated_soup,
    greedy_soup,
    learned_soup,
    loss_barrier,
    partition_learned_soup,
    uniform_soup,
)

BARRIER_POINTS = 21
PARTS_PER_STEP = 4


@dataclass
class Repeat:
    """What one split came to.

    Args:
        metrics (dict[str, dict[str, float]]): Arm to ``test_acc`` and ``val_acc``.
        soups (dict[str, dict]): Arm to shares, accepted ingredients and steps.
        gain (list[dict]): One row for each number of ingredients.
        barriers (dict[str, dict]): Loss between two ingredients that share their
            initial weights, and between two that do not.
        ingredients (list[dict]): All but the weights of each.
    """

    metrics: dict[str, Accuracies] = field(default_factory=dict)
    soups: dict[str, dict[str, Any]] = field(default_factory=dict)
    gain: list[dict[str, float]] = field(default_factory=list)
    barriers: dict[str, dict[str, Any]] = field(default_factory=dict)
    ingredients: list[dict[str, Any]] = field(default_factory=list)


class Kitchen:
    """Makes the arms of one repeat. Validation decides; test nodes are read last.

    Args:
        factory (Callable): Makes the network.
        data (Data): The graph with its masks.
        methods (Collection[str]): Of
            :obj:`~graphllm.experiments.ladling.arms.METHODS`.
        granularity (int): Grid of the greedy interpolation.
        stages (Stages): Where time and memory are counted.
        seed (int, optional): Of the parts that a soup is learned on.
            (default: :obj:`0`)
    """

    def __init__(
        self,
        factory: Factory,
        data: Data,
        methods: Collection[str],
        granularity: int,
        stages: Stages,
        seed: int = 0,
    ) -> None:
        self.seed = seed
        self.factory, self.data = factory, data
        self.methods, self.granularity, self.stages = methods, granularity, stages
        self.reader = Reader(factory, data)

    def cook(self, shared: Sequence[Ingredient], own: Sequence[Ingredient]) -> Repeat:
        """Every arm of one repeat.

        Args:
            shared (Sequence[Ingredient]): Trained from the same initial weights.
            own (Sequence[Ingredient]): Each trained from its own; may be none.
        """
        done = Repeat(ingredients=[each.facts for each in shared])
        with self.stages.stage("score"):
            scorer = Scorer(self.factory, self.data, _states(shared))
            scores = scorer.many(scorer.states)
        soups = self._soups(scorer, scores)
        grown = self._growing(scorer, scores)
        done.barriers["shared"] = self._barrier(scorer)
        if own:
            with self.stages.stage("score"):
                other = Scorer(self.factory, self.data, _states(own))
                other_scores = other.many(other.states)
            soups |= self._soups(other, other_scores, {OWN: UNIFORM, OWN_GIS: GIS})
            done.barriers["different"] = self._barrier(other)
        done.soups = {name: _described(soup) for name, soup in soups.items()}
        with self.stages.stage("read"):
            alone = self._ingredients(shared, scores, done)
            for name, soup in soups.items():
                done.metrics[name] = self._read(soup)
            done.gain = [
                self._row(number, alone, shared, scores, soups)
                for number, soups in grown.items()
            ]
        return done

    def _soups(
        self,
        scorer: Scorer,
        scores: Sequence[Score],
        names: dict[str, str] | None = None,
    ) -> dict[str, SoupResult]:
        """Soups by arm; ``names`` maps arms to recipes, by default to themselves."""
        recipes: dict[str, Callable[[], SoupResult]] = {
            UNIFORM: lambda: uniform_soup(scorer.states),
            GREEDY: lambda: greedy_soup(scorer.states, scorer, scores),
            GIS: partial(self._gis, scorer, scores),
            LEARNED: partial(self._learned, scorer),
            PARTITIONED: partial(self._partition_learned, scorer),
        }
        made = {}
        for arm, recipe in (names or {name: name for name in recipes}).items():
            if arm in self.methods:
                with self.stages.stage(arm):
                    soup = recipes[recipe]()
                    is_whole = isinstance(soup, LearnedSoup)
                    made[arm] = soup if is_whole else scorer.whole(soup)
        return made

    def _gis(self, scorer: Scorer, scores: Sequence[Score]) -> SoupResult:
        return greedy_interpolated_soup(
            scorer.states[: len(scores)],
            scorer,
            self.granularity,
            evaluate_many=scorer.many,
            scores=scores,
        )

    def _learned(self, scorer: Scorer) -> SoupResult:
        return learned_soup(
            self.reader.model,
            scorer.ingredients,
            self.reader.validation_loss,
            batch_statistics=self.reader.has_batchnorm,
        )

    def _partition_learned(self, scorer: Scorer) -> SoupResult:
        parts = ValidationParts(self.data, seed=self.seed)
        return partition_learned_soup(
            # Not the reader's, which knows the whole graph alone.
            fresh(self.factory, self.data),
            scorer.ingredients,
            parts.loss,
            parts.number,
            min(PARTS_PER_STEP, parts.number),
            batch_statistics=self.reader.has_batchnorm,
            generator=generator(stream(self.seed, "parts")),
        )

    def _growing(
        self, scorer: Scorer, scores: Sequence[Score]
    ) -> dict[int, dict[str, SoupResult]]:
        """Soups of the first two ingredients, of the first three, and so on."""
        grown: dict[int, dict[str, SoupResult]] = {}
        with self.stages.stage("gain"):
            for number in range(2, len(scores) + 1):
                even = uniform_soup(scorer.states[:number])
                grown[number] = {UNIFORM: scorer.whole(even)}
                # Hundreds of mixtures are tried for it.
                if GIS in self.methods:
                    soup = self._gis(scorer, scores[:number])
                    grown[number][GIS] = scorer.whole(soup)
        return grown

    def _barrier(self, scorer: Scorer) -> dict[str, Any]:
        """Validation loss on the line between the first two ingredients."""
        with self.stages.stage("barrier"):
            a, b, *_ = scorer.states
            barrier = loss_barrier(a, b, lambda s: scorer(s).loss, BARRIER_POINTS)
        return {name: _listed(each) for name, each in barrier._asdict().items()}

    def _ingredients(
        self, shared: Sequence[Ingredient], scores: Sequence[Score], done: Repeat
    ) -> list[Accuracies]:
        """Arms of single ingredients, and the accuracies of each as it was trained."""
        reader = self.reader
        alone = [
            reader.accuracies(reader.scores(each.state_dict, recalibrate=False))
            for each in shared
        ]
        done.metrics[MEAN] = _mean(alone)
        done.metrics[BEST] = alone[_best([each.score for each in shared])]
        again = [reader.scores(each.state_dict) for each in shared]
        if reader.has_batchnorm:
            done.metrics[RECALIBRATED] = reader.accuracies(again[_best(scores)])
        if ENSEMBLE in self.methods:
            together = torch.stack(again).mean(dim=0)
            done.metrics[ENSEMBLE] = reader.accuracies(together)
        if not reader.has_batchnorm:
            return alone
        return [reader.accuracies(each) for each in again]

    def _row(
        self,
        number: int,
        alone: Sequence[Accuracies],
        shared: Sequence[Ingredient],
        scores: Sequence[Score],
        soups: dict[str, SoupResult],
    ) -> dict[str, float]:
        """Test accuracies with so many ingredients, all under equal BatchNorm."""
        row = {MEAN: _mean(alone[:number]), BEST: alone[_best(scores[:number])]}
        row |= {name: self._read(soup) for name, soup in soups.items()}
        each = {name: accuracies["test_acc"] for name, accuracies in row.items()}
        return {"num_ingredients": number, **each}

    def _read(self, soup: SoupResult) -> Accuracies:
        return self.reader.accuracies(self.reader.scores(soup.state_dict))


def _states(ingredients: Sequence[Ingredient]) -> list[dict[str, torch.Tensor]]:
    return [each.state_dict for each in ingredients]


def _best(scores: Sequence[Score]) -> int:
    """The first of the best."""
    return max(range(len(scores)), key=lambda k: scores[k].rank)


def _mean(rows: Sequence[Accuracies]) -> Accuracies:
    return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _described(soup: SoupResult) -> dict[str, Any]:
    """What a report shows of a soup."""
    return {
        "weights": soup.weights.tolist(),
        "accepted": list(soup.accepted),
        "moved": soup.moved,
        "evaluations": soup.evaluations,
        "score": list(soup.score) if soup.score is not None else None,
        "steps": [
            {
                "ingredient": step.ingredient,
                "alpha": step.alpha,
                "val_acc": step.score.accuracy,
                "accepted": step.accepted,
            }
            for step in soup.history
        ],
    }
