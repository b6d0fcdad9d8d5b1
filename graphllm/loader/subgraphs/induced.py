"""Batches that hold every edge among a set of nodes."""

from abc import abstractmethod
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.sampler import SamplerOutput

from graphllm.data import to_csr
from graphllm.kernels.induced import induced_edges
from graphllm.loader.batch import make_batch
from graphllm.loader.subgraphs.base import BoundSubgraphs


class InducedSubgraphs(BoundSubgraphs):
    """Subgraphs that are given by their nodes.

    Sets without a training node are passed over: there is nothing to learn from them.

    Args:
        data (Data): The graph, with ``train_mask``.
    """

    def __init__(self, data: Data) -> None:
        super().__init__(data)
        self.csr = to_csr(data.edge_index.cpu(), self.num_nodes, by="target")

    @abstractmethod
    def node_sets(self, generator: torch.Generator) -> Iterator[Tensor]:
        """The sets of one epoch, each of distinct ids in ascending order.

        Args:
            generator (torch.Generator): Decides the draws.

        Returns:
            Iterator[Tensor]: ``int64`` ids on the CPU.
        """

    def edges_among(
        self, nodes: Tensor, local: np.ndarray | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """All edges among some nodes.

        Args:
            nodes (Tensor): Distinct ids.
            local (numpy.ndarray, optional): See
                :func:`graphllm.kernels.induced.induced_edges`.

        Returns:
            tuple[Tensor, Tensor, Tensor]: Sources and targets as positions in
            ``nodes``, and slots, which are positions in ``self.csr``.
        """
        if local is None:
            local = self._blank()
        arrays = (self.csr.indptr, self.csr.indices, nodes)
        found = induced_edges(*(array.numpy() for array in arrays), local)
        source, target, slot = (torch.from_numpy(part) for part in found)
        return source, target, slot

    def weigh(self, batch: Data, nodes: Tensor, slot: Tensor) -> None:
        """Add the weights that the scheme asks for, none unless overridden.

        Args:
            batch (Data): Changed in place.
            nodes (Tensor): Its nodes.
            slot (Tensor): Its edges, as positions in ``self.csr``.
        """

    def _batches(self, generator: torch.Generator) -> Iterator[Data]:
        local = self._blank()
        for nodes in self.node_sets(generator):
            if not self.train_mask[nodes].any():
                continue
            source, target, slot = self.edges_among(nodes, local)
            out = SamplerOutput(nodes, source, target, self.csr.edge_ids[slot])
            batch = make_batch(self.data, out)
            del batch.num_sampled_nodes, batch.num_sampled_edges
            self.weigh(batch, nodes, slot)
            yield batch

    def _blank(self) -> np.ndarray:
        return np.full(self.num_nodes, -1, dtype=np.int32)
