"""GraphSAINT by random nodes."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.loader.subgraphs.base import BoundSubgraphs, Subgraphs
from graphllm.loader.subgraphs.checks import check_at_least
from graphllm.loader.subgraphs.draws import WeightedDraws
from graphllm.loader.subgraphs.inclusion import of_independent_draws
from graphllm.loader.subgraphs.propagation import squared_propagation
from graphllm.loader.subgraphs.saint import BoundSaint


@dataclass(frozen=True)
class SaintNode(Subgraphs):
    r"""Subgraphs among nodes that are drawn by the weight of their messages.

    The node sampler of `"GraphSAINT: Graph Sampling Based Inductive Learning Method"
    <https://arxiv.org/abs/1907.04931>`_ (2020): nodes come with replacement by

    .. math::
        q(u) \propto \sum_v P_{v u}^2

    with :math:`\mathbf{P}` the row-normalised adjacency with self loops. How edges and
    losses are weighted stands at
    :class:`graphllm.loader.subgraphs.saint.BoundSaint`.

    .. note::
        Self loops let a node without edges be drawn. The probabilities of nodes and
        edges are exact; the authors' code counts them in many subgraphs.

    Args:
        num_nodes (int, optional): Draws a subgraph. (default: :obj:`8000`)
        num_steps (int, optional): Subgraphs an epoch. (default: :obj:`5`)
        normalize (bool, optional): Whether edges and losses are weighted.
            (default: :obj:`True`)

    Raises:
        GraphLLMError: If an option is out of range.
    """

    num_nodes: int = 8000
    num_steps: int = 5
    normalize: bool = True

    def __post_init__(self) -> None:
        check_at_least("num_nodes", self.num_nodes, 1)
        check_at_least("num_steps", self.num_steps, 1)

    def bind(self, data: Data) -> BoundSubgraphs:
        """Compute the probabilities; see :meth:`Subgraphs.bind`."""
        return _BoundNodes(self, data)


class _BoundNodes(BoundSaint):
    def __init__(self, options: SaintNode, data: Data) -> None:
        super().__init__(data, options.num_steps)
        self.options = options
        edge_index = data.edge_index.cpu()
        squares, column = squared_propagation(
            edge_index, self.weight, self.num_nodes, "mean"
        )
        self.draws = WeightedDraws(column.index_add_(0, edge_index[0], squares))
        if options.normalize:
            q = self.draws.probability
            ends = torch.stack([self.csr.indices, self.target])
            both = torch.where(ends[0] == ends[1], q[ends[0]], 0.0)
            self.normalize(of_independent_draws(q, both, ends, options.num_nodes))

    def draw(self, generator: torch.Generator) -> Tensor:
        """Distinct nodes of as many draws as there are ``num_nodes``."""
        return self.draws.draw(self.options.num_nodes, generator).unique()
