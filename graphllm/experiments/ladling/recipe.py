"""How an ingredient is made, and what it starts from."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from graphllm.errors import GraphLLMError, UnknownNameError
from graphllm.experiments.ladling.streams import stream
from graphllm.loader import FullGraph, Subgraphs
from graphllm.models import BACKBONES, make_backbone

#: Makes the network, untrained; called like ``model(x, edge_index)``.
Factory = Callable[[], nn.Module]


@dataclass(frozen=True)
class Recipe:
    """Network, optimisation and subgraphs, the same for every ingredient.

    The authors' defaults are those of large graphs (128 hidden channels, dropout 0.2,
    learning rate 1e-3, no weight decay, 50 epochs with a validation every 5); these
    are for citation graphs.

    Args:
        backbone (str): Name of the network, see :func:`graphllm.models.make_backbone`.
        num_layers (int): Its layers.
        hidden_channels (int): Size of each hidden layer.
        dropout (float): Its dropout.
        norm (str, optional): ``"batch_norm"`` between the layers, or nothing.
        lr (float): Learning rate of Adam.
        weight_decay (float): L2 penalty.
        epochs (int): Epochs at most.
        patience (int): Epochs without a better validation after which training ends.
        eval_every (int): Epochs from one validation to the next; the last epoch has
            one in any case.
        subgraphs (Subgraphs): What an epoch trains on.

    Raises:
        UnknownNameError: If there is no such backbone.
        GraphLLMError: If a number is out of range.
    """

    backbone: str = "gcn"
    num_layers: int = 2
    hidden_channels: int = 64
    dropout: float = 0.5
    norm: Literal["batch_norm"] | None = None
    lr: float = 0.01
    weight_decay: float = 5e-4
    epochs: int = 200
    patience: int = 50
    eval_every: int = 1
    subgraphs: Subgraphs = field(default_factory=FullGraph)

    def __post_init__(self) -> None:
        """Check what was given."""
        if self.backbone not in BACKBONES:
            raise UnknownNameError("backbone", self.backbone, BACKBONES)
        if self.norm not in (None, "batch_norm"):
            raise UnknownNameError("norm", self.norm, ["batch_norm"])
        for name in ("num_layers", "hidden_channels", "epochs", "eval_every"):
            if getattr(self, name) < 1:
                raise GraphLLMError(
                    f"'{name}' must be at least 1 (got {getattr(self, name)})"
                )
        if self.patience < 0:
            raise GraphLLMError(f"'patience' must be >= 0 (got {self.patience})")
        if not 0.0 <= self.dropout < 1.0:
            raise GraphLLMError(f"'dropout' must be in [0, 1) (got {self.dropout})")
        if not self.lr > 0.0:
            raise GraphLLMError(f"'lr' must be > 0 (got {self.lr})")

    @property
    def waits(self) -> int:
        """Epochs without a better validation that end training; one look at least."""
        return max(self.patience, self.eval_every)


@dataclass(frozen=True)
class Plain:
    """Makes the backbone of a recipe.

    Args:
        recipe (Recipe): Names it.
        in_channels (int): Size of each feature vector.
        out_channels (int): Number of classes.
    """

    recipe: Recipe
    in_channels: int
    out_channels: int

    def __call__(self) -> nn.Module:
        """An untrained network, drawn from the global generator."""
        return make_backbone(
            self.recipe.backbone,
            self.in_channels,
            self.recipe.hidden_channels,
            self.out_channels,
            self.recipe.num_layers,
            dropout=self.recipe.dropout,
            norm=self.recipe.norm,
        )


def initial_state(factory: Factory, seed: int) -> dict[str, Tensor]:
    """Weights that an ingredient starts from; they depend on the seed alone.

    Args:
        factory (Callable): Makes the network, see :class:`Plain`.
        seed (int): Seed of the draw.
    """
    # The caller's random state is left as it was.
    with torch.random.fork_rng():
        torch.manual_seed(stream(seed, "init"))
        return {
            name: tensor.detach().clone()
            for name, tensor in factory().state_dict().items()
        }


def plain_factory(data: Data, recipe: Recipe) -> Plain:
    """Makes the backbone of a recipe for a graph."""
    names = getattr(data, "label_names", None)
    classes = len(names) if names else int(data.y.max()) + 1
    return Plain(recipe, data.x.size(1), classes)
