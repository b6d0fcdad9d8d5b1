"""Networks that hold a GNN, as ingredients."""

from dataclasses import dataclass

from torch import Tensor, nn
from torch_geometric.data import Data

from graphllm.errors import GraphLLMError
from graphllm.experiments.ladling.recipe import Plain
from graphllm.models import ELLaGNN, takes_edge_weight
from graphllm.models.backbones import call_backbone
from graphllm.models.fusion import Fusion
from graphllm.sparsify import MoG, Sparsifier
from graphllm.sparsify.mixing import Mix
from graphllm.sparsify.sparsified import SparsifiedGNN

#: What a graph brings for :class:`InELLaGNN`.
ENHANCED = ("x_llm", "llm_mask", "llm_index")


@dataclass(frozen=True)
class InELLaGNN:
    """The GNN of a recipe in :class:`~graphllm.models.ELLaGNN`.

    It trains on plain and on enhanced features, which the graph brings as ``x_llm``,
    ``llm_mask`` and ``llm_index`` (see :class:`graphllm.enhance.Enhancer`). It is
    validated, mixed and tested without a language model.

    Args:
        plain (Plain): The GNN.
        fusion (str): How both kinds of features meet.
    """

    plain: Plain
    fusion: Fusion = "random_view"

    def __call__(self) -> nn.Module:
        """An untrained network, drawn from the global generator."""
        return ELLaGNN(self.plain(), self.plain.in_channels, fusion=self.fusion)


@dataclass(frozen=True)
class InMoG:
    """The GNN of a recipe behind the sparsifier of :class:`~graphllm.sparsify.MoG`.

    GNN and sparsifier are mixed alike: every soup has edges of its own. Its verdicts
    are hard where it is not trained, so that learned soups leave the shares of the
    sparsifier's layers even.

    Args:
        plain (Plain): The GNN.
        sparsity (float): Share of the edges *removed*.
        mix (str): How the verdicts of the experts are mixed.
        interval (int): Training passes between two Grassmann mixings of a graph.
    """

    plain: Plain
    sparsity: float = 0.3
    mix: Mix = "vote"
    interval: int = 5

    def __call__(self) -> nn.Module:
        """An untrained network, drawn from the global generator."""
        return MoG(
            self.plain(),
            in_channels=self.plain.in_channels,
            sparsity=self.sparsity,
            mix=self.mix,
            mix_interval=self.interval,
        )


def training_output(model: nn.Module, batch: Data) -> Tensor:
    """Class scores of a batch in training, enhanced features included.

    Raises:
        GraphLLMError: If the batch weighs its edges and the network cannot.
    """
    weight = getattr(batch, "edge_weight", None)
    inner = _inner(model)
    if weight is not None and not takes_edge_weight(inner):
        raise GraphLLMError(
            f"'{type(inner).__name__}' ignores edge weights, which these subgraphs "
            "need; choose a backbone with weights, such as gcn, or other subgraphs"
        )
    if isinstance(model, ELLaGNN) and "x_llm" in batch:
        given = batch.x, batch.edge_index, weight, batch.x_llm, batch.llm_mask
        out: Tensor = model(*given)
        return out
    return call_backbone(model, batch.x, batch.edge_index, weight)


def has_own_edges(model: nn.Module) -> bool:
    """Whether it runs on other edges than it is given, which weights decide."""
    return any(isinstance(module, Sparsifier) for module in model.modules())


def with_enhanced(graph: Data, data: Data) -> Data:
    """A graph with the enhanced features of another one, where it has some."""
    for name in ENHANCED:
        if name in data:
            graph[name] = data[name]
    return graph


def _inner(model: nn.Module) -> nn.Module:
    if isinstance(model, ELLaGNN):
        return model.backbone
    return model.gnn if isinstance(model, SparsifiedGNN) else model
