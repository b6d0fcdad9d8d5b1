"""Clusters of the graph, a random few of them a batch (Cluster-GCN)."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.loader.subgraphs.base import BoundSubgraphs, Subgraphs
from graphllm.loader.subgraphs.checks import check_at_least
from graphllm.loader.subgraphs.induced import InducedSubgraphs
from graphllm.loader.subgraphs.partition import partition
from graphllm.loader.subgraphs.parts import check_parts, members


@dataclass(frozen=True)
class ClusterParts(Subgraphs):
    """One partition that cuts few edges, a few of its parts a batch.

    From `"Cluster-GCN: An Efficient Algorithm for Training Deep and Large Graph
    Convolutional Networks" <https://arxiv.org/abs/1905.07953>`_ (2019), with several
    clusters a batch and the edges between them restored (section 3.2). Every epoch
    puts the parts together anew; every training node is in one batch an epoch. How the
    graph is cut stands at :func:`graphllm.loader.subgraphs.partition.partition`.

    Args:
        num_parts (int, optional): Parts, at most the nodes; the default is that of the
            paper for a graph of 230,000 nodes. (default: :obj:`1500`)
        parts_per_batch (int, optional): Parts a batch. (default: :obj:`20`)
        seed (int, optional): Decides the partition, which is one for all epochs, and
            for all who bind with the same seed. (default: :obj:`0`)

    Raises:
        GraphLLMError: If an option is out of range.
    """

    num_parts: int = 1500
    parts_per_batch: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        check_parts(self.num_parts, self.parts_per_batch)
        check_at_least("seed", self.seed, 0)

    def bind(self, data: Data) -> BoundSubgraphs:
        """Cut the graph; see :meth:`Subgraphs.bind`.

        Raises:
            GraphLLMError: If there are more parts than nodes, too.
        """
        return _BoundClusters(self, data)


class _BoundClusters(InducedSubgraphs):
    def __init__(self, options: ClusterParts, data: Data) -> None:
        super().__init__(data)
        self.options = options
        self.part = partition(
            data.edge_index, self.num_nodes, options.num_parts, options.seed
        )

    def node_sets(self, generator: torch.Generator) -> Iterator[Tensor]:
        """All parts in random order, a few at a time."""
        num_parts = self.options.num_parts
        place = torch.randperm(num_parts, generator=generator)
        return members(place[self.part] // self.options.parts_per_batch)
