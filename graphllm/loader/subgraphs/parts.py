"""Random parts of the nodes, coloured anew every epoch."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.errors import GraphLLMError
from graphllm.loader.subgraphs.base import BoundSubgraphs, Subgraphs
from graphllm.loader.subgraphs.checks import check_at_least
from graphllm.loader.subgraphs.induced import InducedSubgraphs


@dataclass(frozen=True)
class RandomParts(Subgraphs):
    """A fresh random partition every epoch, a few parts a batch.

    Nodes are shuffled and dealt to parts of equal size; a batch is the subgraph among
    ``parts_per_batch`` of them, with the edges between them. Every training node is in
    one batch an epoch. A batch of ``q`` of ``p`` parts has about :math:`(q / p)^2` of
    the edges, :math:`q / p` of those of each node.

    Args:
        num_parts (int, optional): Parts. (default: :obj:`10`)
        parts_per_batch (int, optional): Parts a batch. (default: :obj:`5`, half of the
            graph)

    Raises:
        GraphLLMError: If an option is out of range.
    """

    num_parts: int = 10
    parts_per_batch: int = 5

    def __post_init__(self) -> None:
        check_parts(self.num_parts, self.parts_per_batch)

    def bind(self, data: Data) -> BoundSubgraphs:
        """Group the edges by target; see :meth:`Subgraphs.bind`."""
        return _BoundRandomParts(self, data)


class _BoundRandomParts(InducedSubgraphs):
    def __init__(self, options: RandomParts, data: Data) -> None:
        super().__init__(data)
        self.options = options

    def node_sets(self, generator: torch.Generator) -> Iterator[Tensor]:
        """The batches of one colouring."""
        part = torch.empty(self.num_nodes, dtype=torch.long)
        order = torch.randperm(self.num_nodes, generator=generator)
        part[order] = torch.arange(self.num_nodes) % self.options.num_parts
        return members(part // self.options.parts_per_batch)


def members(group: Tensor) -> Iterator[Tensor]:
    """The ids in each group, ascending.

    Args:
        group (Tensor): :math:`(|V|)` ``int64``, the group of each node.

    Returns:
        Iterator[Tensor]: One tensor for each number up to the largest.
    """
    return iter(group.argsort(stable=True).split(group.bincount().tolist()))


def check_parts(num_parts: int, parts_per_batch: int) -> None:
    """Refuse numbers of parts that make no batches.

    Raises:
        GraphLLMError: If one is below one, or a batch has more parts than there are.
    """
    check_at_least("num_parts", num_parts, 1)
    check_at_least("parts_per_batch", parts_per_batch, 1)
    if parts_per_batch > num_parts:
        raise GraphLLMError(
            f"'parts_per_batch' must be at most 'num_parts' (got {parts_per_batch} of "
            f"{num_parts}); make more parts, or put fewer together"
        )
