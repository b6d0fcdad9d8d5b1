"""The network of the experiments on small graphs, and how it is trained."""

from dataclasses import dataclass
from functools import partial

from graphllm.errors import UnknownNameError
from graphllm.experiments.mog.arms import levels_around
from graphllm.experiments.mog.graph_model import GraphClassifier, Pooling
from graphllm.experiments.mog.graph_sets import GraphSet
from graphllm.models.backbones import make_backbone
from graphllm.sparsify.criteria import degree, effective_resistance, jaccard
from graphllm.sparsify.mixing import Mix
from graphllm.sparsify.mog import MoG

#: Graphs this small can be solved exactly: a bridge has resistance one.
CRITERIA = (degree, jaccard, partial(effective_resistance, method="exact"))

#: Networks that these experiments are made for.
BACKBONES = ("gin", "pna")


@dataclass(frozen=True)
class GraphTraining:
    """Network and optimisation, the same for every arm.

    Args:
        backbone (str): ``"gin"`` or ``"pna"``, with batch normalisation.
        num_layers (int): Layers of message passing.
        hidden_channels (int): Size of the embedding and of every layer.
        dropout (float): Dropout of the network.
        pooling (str): ``"mean"`` or ``"sum"``.
        lr (float): Learning rate of Adam.
        epochs (int): How many.
        batch_size (int): Graphs a step.
        warm_up (float): Share of the epochs that sees whole graphs.
    """

    backbone: str = "gin"
    num_layers: int = 3
    hidden_channels: int = 64
    dropout: float = 0.3
    pooling: Pooling = "mean"
    lr: float = 1e-3
    epochs: int = 100
    batch_size: int = 64
    warm_up: float = 0.5

    def model(
        self,
        graphs: GraphSet,
        sparsity: float | None = None,
        mix: Mix = "vote",
        k: int = 2,
    ) -> GraphClassifier:
        """A freshly initialised network, with MoG where a sparsity is given.

        Args:
            graphs (GraphSet): What it will read.
            sparsity (float, optional): Share of the edges of a batch to *remove*.
                (default: :obj:`None`)
            mix (str, optional): How MoG mixes. (default: :obj:`"vote"`)
            k (int, optional): Experts a node. (default: :obj:`2`)

        Raises:
            UnknownNameError: If it is another backbone.
        """
        if self.backbone not in BACKBONES:
            raise UnknownNameError("backbone", self.backbone, BACKBONES)
        width = self.hidden_channels
        gnn = make_backbone(
            *(self.backbone, width, width, width, self.num_layers),
            dropout=self.dropout,
            norm="batch_norm",
        )
        encoder = graphs.encoder(width)
        model = GraphClassifier(
            *(encoder, gnn, width, graphs.num_classes, self.pooling)
        )
        if sparsity is not None:
            # Last, so that the network starts alike in every arm.
            levels = levels_around(sparsity)
            model.gnn = MoG(
                *(gnn, CRITERIA, levels, k),
                in_channels=width,
                sparsity=sparsity,
                mix=mix,
            )
        return model
