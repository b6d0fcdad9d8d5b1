"""Batches of training nodes with sampled neighbourhoods (GraphSAGE)."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.kernels.sample import stream_key
from graphllm.loader.batch import make_batch
from graphllm.loader.sampler import NeighborSampler
from graphllm.loader.subgraphs.base import BoundSubgraphs, Subgraphs
from graphllm.loader.subgraphs.checks import check_at_least, check_sizes


@dataclass(frozen=True)
class NeighborSampled(Subgraphs):
    """Training nodes in random order, with a few neighbours of each at each hop.

    From `"Inductive Representation Learning on Large Graphs"
    <https://arxiv.org/abs/1706.02216>`_ (2017); what is drawn stands at
    :class:`graphllm.loader.NeighborSampler`. The first ``batch_size`` nodes of a batch
    are those whose loss counts; every training node is among them once an epoch. The
    *mean* over drawn neighbours estimates the mean over all, so edges have no other
    weights than those of the graph.

    Args:
        num_neighbors (Sequence[int], optional): Neighbours to draw at each hop, one
            entry a layer, ``-1`` for all. (default: :obj:`(15, 10)`)
        batch_size (int, optional): Training nodes a batch. (default: :obj:`1024`)

    Raises:
        GraphLLMError: If an option is out of range.
    """

    num_neighbors: tuple[int, ...] = (15, 10)
    batch_size: int = 1024

    def __post_init__(self) -> None:
        sizes = check_sizes("num_neighbors", self.num_neighbors, -1)
        object.__setattr__(self, "num_neighbors", sizes)
        check_at_least("batch_size", self.batch_size, 1)

    def bind(self, data: Data) -> BoundSubgraphs:
        """Group the edges by target; see :meth:`Subgraphs.bind`."""
        return _BoundNeighbors(self, data)


class _BoundNeighbors(BoundSubgraphs):
    def __init__(self, options: NeighborSampled, data: Data) -> None:
        super().__init__(data)
        self.options = options
        self.sampler = NeighborSampler(data, options.num_neighbors)

    def _batches(self, generator: torch.Generator) -> Iterator[Data]:
        # One draw a node, hop and key: a key a batch lets neighbours differ.
        batches = shuffled_batches(self.train_mask, self.options.batch_size, generator)
        for number, seeds in enumerate(batches):
            key = stream_key(generator.initial_seed(), number)
            batch = make_batch(self.data, self.sampler.sample(seeds, key))
            yield with_seeds(batch, seeds.numel())


def shuffled_batches(
    mask: Tensor, batch_size: int, generator: torch.Generator
) -> tuple[Tensor, ...]:
    """The nodes of a mask in random order, cut into batches; the last may be short."""
    nodes = mask.nonzero().view(-1)
    order = torch.randperm(nodes.numel(), generator=generator)
    return nodes[order].split(batch_size)


def with_seeds(batch: Data, batch_size: int) -> Data:
    """The batch with the loss on its first nodes only."""
    batch.train_mask = torch.zeros_like(batch.train_mask)
    batch.train_mask[:batch_size] = True
    batch.batch_size = batch_size
    return batch
