"""One ingredient: a network trained by itself, kept as it was at its best."""

import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.data import Data

from graphllm.experiments.ladling.dropout import Draws, seed_dropout
from graphllm.experiments.ladling.measure import peak_rss_mb
from graphllm.experiments.ladling.networks import training_output
from graphllm.experiments.ladling.recipe import Factory, Recipe, plain_factory
from graphllm.experiments.ladling.streams import stream
from graphllm.models.backbones import call_backbone
from graphllm.seed import generator
from graphllm.soup import Score, load_ingredient, save_ingredient


@dataclass(frozen=True, eq=False)
class Ingredient:
    """A trained network.

    Args:
        state_dict (dict): Its weights at the best validation, on the CPU.
        val_acc (float): Validation accuracy there, in [0, 1].
        val_loss (float): Validation cross-entropy there.
        epoch (int): The epoch, counted from one.
        seed (int): Seed of sampling and dropout.
        seconds (float): What training took; of several networks trained at once, an
            equal share.
        peak_rss_mb (float): Largest memory of the process that trained it, so far.
        worker (str): Process and machine that trained it.
    """

    state_dict: dict[str, Tensor]
    val_acc: float
    val_loss: float
    epoch: int
    seed: int
    seconds: float
    peak_rss_mb: float
    worker: str = ""

    @property
    def score(self) -> Score:
        """Accuracy and loss on the validation nodes, while it was trained."""
        return Score(self.val_acc, self.val_loss)

    @property
    def facts(self) -> dict[str, Any]:
        """All but the weights."""
        return {name: each for name, each in vars(self).items() if name != "state_dict"}

    def save(self, path: str | Path) -> Path:
        """Write it into one file, which is whole or absent."""
        return save_ingredient(path, self.state_dict, self.facts)

    @classmethod
    def load(cls, path: str | Path) -> "Ingredient":
        """Read what :meth:`save` wrote.

        Raises:
            ModelNotFoundError: If there is no such file, or it is damaged.
        """
        state, facts = load_ingredient(path)
        return cls(state, **facts)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Best:
    """The best validation of a training so far.

    Args:
        score (Score): Accuracy first, loss between equal ones.
        epoch (int): Counted from one; zero before the first validation.
        state_dict (dict): Copy of the weights.
    """

    score: Score
    epoch: int
    state_dict: dict[str, Tensor]

    def improved(self, score: Score, epoch: int, model: nn.Module) -> "Best":
        """The better one of itself and the network as it is."""
        if self.epoch and score.rank <= self.score.rank:
            return self
        # Onto the CPU and out of the way of the optimiser.
        state = {
            name: tensor.detach().cpu().clone()
            for name, tensor in model.state_dict().items()
        }
        return replace(self, score=score, epoch=epoch, state_dict=state)


def train_ingredient(
    data: Data,
    recipe: Recipe,
    init_state: Mapping[str, Tensor],
    seed: int,
    factory: Factory | None = None,
) -> Ingredient:
    """Train one network from given weights; validation decides what is kept.

    Algorithm 2 or 3 of `"Graph Ladling: Shockingly Simple Parallel GNN Training
    without Intermediate Communication" <https://arxiv.org/abs/2306.10466>`_ (2023),
    one iteration of its outer loop: each epoch trains on subgraphs drawn anew. The
    seed decides which, and which entries dropout drops; it never touches the initial
    weights, so that ingredients can share them. Test nodes are not read.

    .. note::
        The authors' code keeps the weights of the last epoch and reports the metrics
        of the best one. Here the weights are those of the best validation accuracy,
        of equal ones that with the smallest loss.

    Args:
        data (Data): Features, edges, labels, training and validation mask.
        recipe (Recipe): Network, optimisation and subgraphs.
        init_state (Mapping[str, Tensor]): Weights to start from, see
            :func:`~graphllm.experiments.ladling.recipe.initial_state`.
        seed (int): Seed of sampling and dropout.
        factory (Callable, optional): Makes the network, where it is not the backbone
            of the recipe.

    Returns:
        Ingredient: The network at its best validation.

    Raises:
        GraphLLMError: If the subgraphs weigh their edges and the network cannot.
    """
    start = time.perf_counter()
    draws = Draws([seed], data.x.device)
    bound = recipe.subgraphs.bind(data)
    sampling = generator(stream(seed, "sampling"))
    best = Best(Score(0.0), 0, {})
    # The caller's random state is left as it was.
    with torch.random.fork_rng():
        model = seed_dropout((factory or plain_factory(data, recipe))(), draws)
        model.load_state_dict(dict(init_state))
        model.to(data.x.device)
        optimizer = torch.optim.Adam(
            model.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay
        )
        for epoch in range(1, recipe.epochs + 1):
            if best.epoch and epoch - best.epoch > recipe.waits:
                break
            draws.start(epoch)
            # For dropout that a layer does by itself, as GAT's on attention.
            torch.manual_seed(stream(seed, "layers", epoch))
            model.train()
            for batch in bound.epoch(sampling):
                optimizer.zero_grad()
                training_loss(model, batch).backward()
                optimizer.step()
            if is_validated(recipe, epoch):
                score = validate(model, data)
                best = best.improved(score, epoch, model)
    return Ingredient(
        best.state_dict,
        *best.score,
        best.epoch,
        seed,
        time.perf_counter() - start,
        peak_rss_mb(),
        worker_name(),
    )


def is_validated(recipe: Recipe, epoch: int) -> bool:
    """Whether an epoch ends with a look at the validation nodes."""
    return epoch % recipe.eval_every == 0 or epoch == recipe.epochs


def training_loss(model: nn.Module, batch: Data) -> Tensor:
    """Cross-entropy of the training rows of a batch, weighted where it says so.

    A network with a loss of its own, ``aux_loss``, has it added.
    """
    out = training_output(model, batch)
    own = getattr(model, "aux_loss", 0.0)
    mask = batch.train_mask
    share = getattr(batch, "loss_weight", None)
    if share is None:
        return F.cross_entropy(out[mask], batch.y[mask]) + own
    loss = F.cross_entropy(out[mask], batch.y[mask], reduction="none")
    return (loss * share[mask]).sum() + own


@torch.no_grad()
def validate(model: nn.Module, data: Data) -> Score:
    """Accuracy and loss of a network on the validation nodes of the whole graph."""
    model.eval()
    out = call_backbone(model, data.x, data.edge_index, None)[data.val_mask]
    return score_of(out, data.y[data.val_mask])


def score_of(out: Tensor, y: Tensor) -> Score:
    """Accuracy and cross-entropy of class scores.

    Args:
        out (Tensor): :math:`(M, C)`.
        y (Tensor): Classes, :math:`(M)`.
    """
    accuracy = float((out.argmax(dim=-1) == y).double().mean())
    return Score(accuracy, float(F.cross_entropy(out, y)))


def worker_name() -> str:
    """This process, named so that it differs from others on other machines."""
    return f"{os.getpid()}@{socket.gethostname()}"
