"""What the samplers of GraphSAINT share: steps, and normalisation."""

from abc import abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.loader.subgraphs.checks import edge_weights
from graphllm.loader.subgraphs.inclusion import Inclusion
from graphllm.loader.subgraphs.induced import InducedSubgraphs


class BoundSaint(InducedSubgraphs):
    r"""Some induced subgraphs an epoch, drawn independently of each other.

    From `"GraphSAINT: Graph Sampling Based Inductive Learning Method"
    <https://arxiv.org/abs/1907.04931>`_ (2020). A subgraph holds node :math:`v` with
    probability :math:`p_v` and edge :math:`(u, v)` with :math:`p_{u v}`. With
    normalisation, an edge weighs :math:`a_{u v} \, p_v / p_{u v}` and the loss of a
    training node :math:`1 / (n \, p_v)` (section 3.2, with :math:`n` the number of
    training nodes), so that both sums are unbiased.

    Args:
        data (Data): The graph, with ``train_mask``.
        num_steps (int): Subgraphs an epoch. One without a training node is left out.
    """

    def __init__(self, data: Data, num_steps: int) -> None:
        super().__init__(data)
        self.num_steps = num_steps
        self.weight = edge_weights(data)
        self.target = torch.arange(self.num_nodes).repeat_interleave(self.csr.degree())
        self.edge_factor: Tensor | None = None
        self.loss_weight: Tensor | None = None

    @abstractmethod
    def draw(self, generator: torch.Generator) -> Tensor:
        """The nodes of one subgraph, distinct and ascending.

        Args:
            generator (torch.Generator): Decides the draw.

        Returns:
            Tensor: ``int64`` ids.
        """

    def normalize(self, inclusion: Inclusion) -> None:
        """Weight what subgraphs hold by how likely they do.

        Args:
            inclusion (Inclusion): The probabilities, of edges as in ``self.csr``.
        """
        self.edge_factor = inclusion.edge_factor(self.target)
        self.loss_weight = inclusion.loss_weight(int(self.train_mask.sum()))

    def node_sets(self, generator: torch.Generator) -> Iterator[Tensor]:
        """As many draws as there are steps."""
        return (self.draw(generator) for _ in range(self.num_steps))

    def weigh(self, batch: Data, nodes: Tensor, slot: Tensor) -> None:
        """Add ``edge_weight`` and ``loss_weight``, if there is a normalisation."""
        if self.edge_factor is None or self.loss_weight is None:
            return
        weight = self.edge_factor[slot].to(batch.edge_index.device)
        if "edge_weight" in batch:
            weight = weight * batch.edge_weight
        batch.edge_weight = weight
        batch.loss_weight = self.loss_weight[nodes].to(batch.train_mask.device)
