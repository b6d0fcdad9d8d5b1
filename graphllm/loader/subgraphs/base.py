"""What training on subgraphs is: options, bound to a graph, give batches."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.errors import TextGraphError
from graphllm.loader.check import check_graph
from graphllm.seed import generator as seeded


class BoundSubgraphs(ABC):
    """The subgraphs of one graph. Nothing in it changes from epoch to epoch.

    Args:
        data (Data): The graph, with ``train_mask``. It is kept, not copied.

    Raises:
        TextGraphError: If its edges or its training nodes are not usable.
    """

    def __init__(self, data: Data) -> None:
        self.data = data
        self.num_nodes = check_graph(data)
        self.train_mask = _train_mask(data, self.num_nodes)

    def epoch(self, generator: torch.Generator) -> Iterator[Data]:
        """The training batches of one epoch.

        One number is taken from the generator, at once, and names all draws of the
        epoch: equal states give equal batches, whatever else is drawn meanwhile and
        whether or not all batches are fetched.

        Every batch has a training node. It holds what
        :func:`graphllm.loader.make_batch` gathers (``x``, ``y``, ``edge_index``, rows
        of enhanced nodes, ``n_id``), and

        * ``train_mask``, the rows whose loss counts;
        * ``edge_weight``, where the scheme weights edges or the graph has weights: a
          *sum* over the edges of a batch estimates the sum over those of the graph.
          A network that divides by degrees then divides by estimated ones;
        * ``loss_weight``, a number a node, where the scheme favours some nodes: the
          *sum* of the weighted losses of training rows estimates the mean over all
          training nodes. Without it, the mean over the rows does.

        Args:
            generator (torch.Generator): Decides the draws, nothing else does.

        Returns:
            Iterator[Data]: The batches, made one at a time.
        """
        key = torch.randint(2**63 - 1, (), generator=generator, device=generator.device)
        return self._batches(seeded(int(key)))

    @abstractmethod
    def _batches(self, generator: torch.Generator) -> Iterator[Data]: ...


class Subgraphs(ABC):
    """A scheme of drawing subgraphs: a frozen dataclass of options, without a graph.

    It is small and can be pickled, so that every worker binds it to its own view of the
    graph.
    """

    @abstractmethod
    def bind(self, data: Data) -> BoundSubgraphs:
        """Do once what has to be done once for a graph.

        Args:
            data (Data): The graph, with ``train_mask``.

        Returns:
            BoundSubgraphs: Gives the batches of each epoch.

        Raises:
            TextGraphError: If its edges or its training nodes are not usable.
        """


def _train_mask(data: Data, num_nodes: int) -> Tensor:
    mask = getattr(data, "train_mask", None)
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
        raise TextGraphError(
            "training on subgraphs needs 'data.train_mask', true for the nodes to "
            "learn from; apply a split first"
        )
    if mask.shape != (num_nodes,):
        raise TextGraphError(
            f"'data.train_mask' must have shape ({num_nodes},), one entry a node "
            f"(got {tuple(mask.shape)})"
        )
    if not mask.any():
        raise TextGraphError("'data.train_mask' has no node; there is nothing to learn")
    return mask.cpu()
