"""Several ingredients at once in one process, in one pass over the graph."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.data import Data

from graphllm.errors import GraphLLMError
from graphllm.experiments.ellagnn import Progress
from graphllm.experiments.ladling.dropout import Draws, seed_dropout
from graphllm.experiments.ladling.ingredient import (
    Ingredient,
    is_validated,
    worker_name,
)
from graphllm.experiments.ladling.measure import peak_rss_mb
from graphllm.experiments.ladling.products import share_products
from graphllm.experiments.ladling.recipe import initial_state
from graphllm.experiments.ladling.runners.shelf import Job, Shelf
from graphllm.experiments.ladling.stacked import Stack, arranged, is_stackable
from graphllm.loader import FullGraph
from graphllm.soup import Score


@dataclass(frozen=True)
class Vmapped:
    r"""Trains up to ``width`` ingredients on the whole graph as one wide network.

    .. math::
        \hat{\mathbf{P}} \, [\mathbf{H}_1 \mathbf{W}_1 \,|\, \dots \,|\,
        \mathbf{H}_K \mathbf{W}_K]

    The graph is read once for all of them, and what PyTorch spends on each operation
    is spent once. Features that are nearly all zeros, such as bags of words, are
    multiplied as a sparse matrix. An ingredient that stopped early leaves the stack.
    Sums are taken in another order than one by one: ingredients are those of other
    runners up to rounding. A bias in front of BatchNorm has no gradient but rounding
    noise, which Adam blows up to full steps: there networks agree once their
    statistics are recalibrated.

    Args:
        width (int, optional): Ingredients at once; memory for hidden features grows
            with it. (default: :obj:`16`)

    Raises:
        GraphLLMError: If ``width`` is below one.
    """

    width: int = 16

    def __post_init__(self) -> None:
        """Check what was given."""
        if self.width < 1:
            raise GraphLLMError(f"'width' must be at least 1 (got {self.width})")

    def run(
        self,
        data: Data,
        jobs: Sequence[Job],
        folder: str | Path,
        progress: Progress | None = None,
    ) -> list[Ingredient]:
        """See :class:`~graphllm.experiments.ladling.runners.Runner`.

        Raises:
            GraphLLMError: If a network cannot be stacked, trains on subgraphs, or is
                made otherwise than the others.
        """
        _check(jobs)
        shelf = Shelf(data, jobs, folder, progress)
        pending = shelf.pending()
        for first in range(0, len(pending), self.width):
            numbers = pending[first : first + self.width]
            chosen = [jobs[number] for number in numbers]

            def save(row: int, done: Ingredient, numbers: list[int] = numbers) -> None:
                shelf.put(numbers[row], done)

            with torch.random.fork_rng():
                _Training(data, chosen, save).run()
        return shelf.all()


def _check(jobs: Sequence[Job]) -> None:
    if len({(repr(job.recipe), repr(job.factory)) for job in jobs}) > 1:
        raise GraphLLMError(
            "ingredients that are trained at once must share recipe and network; run "
            "them one recipe at a time"
        )
    if jobs and not can_stack(jobs[0]):
        recipe = jobs[0].recipe
        raise GraphLLMError(
            "only GCN, its relatives and GraphSAGE on the whole graph can be trained "
            f"at once (got backbone '{recipe.backbone}' on "
            f"{type(recipe.subgraphs).__name__}); use another runner, such as "
            "InProcess"
        )


def can_stack(job: Job) -> bool:
    """Whether :class:`Vmapped` can train it."""
    if type(job.recipe.subgraphs) is not FullGraph:
        return False
    with torch.random.fork_rng():
        return is_stackable(job.factory())


_NONE = Score(-1.0)


@dataclass
class _Row:
    """One ingredient under way."""

    number: int
    seed: int
    score: Score = _NONE
    epoch: int = 0
    seconds: float = 0.0
    state: dict[str, Tensor] | None = None


class _Training:
    """The training of one stack; ``save`` gets each ingredient when it stops."""

    def __init__(
        self,
        data: Data,
        jobs: Sequence[Job],
        save: Callable[[int, Ingredient], None],
    ) -> None:
        self.data, self.save, self.recipe = data, save, jobs[0].recipe
        self.rows = [_Row(number, job.seed) for number, job in enumerate(jobs)]
        self.train = data.train_mask.nonzero().view(-1)
        self.val = data.val_mask.nonzero().view(-1)
        factory = jobs[0].factory
        self.draws = Draws([job.seed for job in jobs], data.x.device)
        model = seed_dropout(factory(), self.draws).to(data.x.device)
        share_products(model, data.x, data.edge_index)
        states = [initial_state(factory, job.init_seed) for job in jobs]
        self.stack = Stack(model, states, self.draws)
        for tensors in (self.stack.parameters, self.stack.buffers):
            tensors |= {name: each.to(data.x.device) for name, each in tensors.items()}
        for tensor in self.stack.parameters.values():
            tensor.requires_grad_()
        self.optimizer = torch.optim.Adam(
            self.stack.parameters.values(),
            lr=self.recipe.lr,
            weight_decay=self.recipe.weight_decay,
        )

    def run(self) -> None:
        for epoch in range(1, self.recipe.epochs + 1):
            start = time.perf_counter()
            self._stop(epoch)
            if not self.rows:
                return
            self._step(epoch)
            if is_validated(self.recipe, epoch):
                self._validate(epoch)
            share = (time.perf_counter() - start) / len(self.rows)
            for row in self.rows:
                row.seconds += share
        self._stop(None)

    def _step(self, epoch: int) -> None:
        self.draws.start(epoch)
        self.stack.model.train()
        self.optimizer.zero_grad()
        # Each network's gradient is that of its own loss.
        self._losses(self.train)[1].sum().backward()
        self.optimizer.step()

    @torch.no_grad()
    def _validate(self, epoch: int) -> None:
        self.stack.model.eval()
        out, losses = self._losses(self.val)
        right = out.argmax(dim=-1) == self.data.y[self.val]
        scores = zip(right.double().mean(dim=1), losses, strict=True)
        for place, (row, (acc, loss)) in enumerate(zip(self.rows, scores, strict=True)):
            score = Score(float(acc), float(loss))
            if not row.epoch or score.rank > row.score.rank:
                row.score, row.epoch = score, epoch
                row.state = self.stack.state(place)

    def _losses(self, nodes: Tensor) -> tuple[Tensor, Tensor]:
        out = self.stack(self.data.x, self.data.edge_index)[:, nodes]
        y = self.data.y[nodes].repeat(out.size(0))
        loss = F.cross_entropy(out.flatten(0, 1), y, reduction="none")
        return out, loss.view(out.size(0), -1).mean(dim=1)

    def _stop(self, epoch: int | None) -> None:
        """Save the ingredients whose patience is over, or all of them."""
        going = [
            place
            for place, row in enumerate(self.rows)
            if epoch is not None
            and not (row.epoch and epoch - row.epoch > self.recipe.waits)
        ]
        for place, row in enumerate(self.rows):
            if place not in going:
                self.save(row.number, _finished(row))
        if len(going) < len(self.rows):
            self.rows = [self.rows[place] for place in going]
            self.draws.keep(going)
            self._shrink(going)

    def _shrink(self, going: list[int]) -> None:
        stack, group = self.stack, self.optimizer.param_groups[0]
        stack.buffers = {name: each[going] for name, each in stack.buffers.items()}
        for name, old in stack.parameters.items():
            new = arranged(old.detach()[going]).requires_grad_()
            state = self.optimizer.state.pop(old, {})
            self.optimizer.state[new] = {
                what: arranged(each[going]) if each.dim() else each
                for what, each in state.items()
            }
            stack.parameters[name] = new
        group["params"] = list(stack.parameters.values())


def _finished(row: _Row) -> Ingredient:
    return Ingredient(
        row.state or {},
        *row.score,
        row.epoch,
        row.seed,
        row.seconds,
        peak_rss_mb(),
        worker_name(),
    )
