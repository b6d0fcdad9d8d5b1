"""The whole graph as one batch."""

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass

import torch
from torch_geometric.data import Data

from graphllm.loader.subgraphs.base import BoundSubgraphs, Subgraphs


@dataclass(frozen=True)
class FullGraph(Subgraphs):
    """One batch an epoch: the graph, always the same object.

    Networks that keep what they computed for a graph as long as it is given by the
    same tensors, such as :class:`graphllm.models.gcn.GCN`, compute it once.
    """

    def bind(self, data: Data) -> BoundSubgraphs:
        """Check the graph; see :meth:`Subgraphs.bind`."""
        return _BoundFullGraph(data)


class _BoundFullGraph(BoundSubgraphs):
    def __init__(self, data: Data) -> None:
        super().__init__(data)
        self.batch = copy(data)
        self.batch.n_id = torch.arange(self.num_nodes)

    def _batches(self, generator: torch.Generator) -> Iterator[Data]:
        yield self.batch
