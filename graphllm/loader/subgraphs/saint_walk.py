"""GraphSAINT by random walks."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.loader.subgraphs.base import BoundSubgraphs, Subgraphs
from graphllm.loader.subgraphs.checks import check_at_least
from graphllm.loader.subgraphs.inclusion import Inclusion, of_counts
from graphllm.loader.subgraphs.saint import BoundSaint
from graphllm.seed import generator as seeded


@dataclass(frozen=True)
class SaintWalk(Subgraphs):
    r"""Subgraphs among the nodes on a few short walks.

    The random walk sampler of `"GraphSAINT: Graph Sampling Based Inductive Learning
    Method" <https://arxiv.org/abs/1907.04931>`_ (2020): roots are drawn uniformly with
    replacement, and each walk goes on to a uniform neighbour, against the direction of
    edges, from where messages come. A node without neighbours ends it. How edges and
    losses are weighted stands at
    :class:`graphllm.loader.subgraphs.saint.BoundSaint`; the probabilities are counted
    in subgraphs that are drawn before training, always the same ones, until they hold
    ``coverage`` :math:`\cdot |V|` nodes together.

    .. note::
        Roots are drawn from all nodes, as in PyG; the authors' code draws them from
        the training nodes, which are all that its training graph has.

    Args:
        num_roots (int, optional): Walks a subgraph. (default: :obj:`2000`)
        walk_length (int, optional): Steps a walk. (default: :obj:`2`)
        num_steps (int, optional): Subgraphs an epoch. (default: :obj:`5`)
        coverage (int, optional): How often a node is counted on average before
            training; :obj:`0` for no weights. (default: :obj:`50`)

    Raises:
        GraphLLMError: If an option is out of range.
    """

    num_roots: int = 2000
    walk_length: int = 2
    num_steps: int = 5
    coverage: int = 50

    def __post_init__(self) -> None:
        check_at_least("num_roots", self.num_roots, 1)
        check_at_least("walk_length", self.walk_length, 1)
        check_at_least("num_steps", self.num_steps, 1)
        check_at_least("coverage", self.coverage, 0)

    def bind(self, data: Data) -> BoundSubgraphs:
        """Estimate the probabilities; see :meth:`Subgraphs.bind`."""
        return _BoundWalks(self, data)


class _BoundWalks(BoundSaint):
    def __init__(self, options: SaintWalk, data: Data) -> None:
        super().__init__(data, options.num_steps)
        self.options = options
        self.degree = self.csr.degree()
        if options.coverage:
            self.normalize(self._counted(seeded(0)))

    def draw(self, generator: torch.Generator) -> Tensor:
        """Distinct nodes of all walks."""
        size = (self.options.num_roots,)
        node = torch.randint(self.num_nodes, size, generator=generator)
        walks = [node]
        last = self.csr.indices.numel() - 1
        for _ in range(self.options.walk_length if last >= 0 else 0):
            degree = self.degree[node]
            share = torch.rand(size, dtype=torch.double, generator=generator)
            slot = self.csr.indptr[node] + (share * degree).long()
            ahead = self.csr.indices[slot.clamp_(max=last)]
            node = torch.where(degree > 0, ahead, node)
            walks.append(node)
        return torch.cat(walks).unique()

    def _counted(self, generator: torch.Generator) -> Inclusion:
        node_count = torch.zeros(self.num_nodes, dtype=torch.int32)
        edge_count = torch.zeros(self.csr.indices.numel(), dtype=torch.int32)
        local = self._blank()
        visits = num_subgraphs = 0
        while visits < self.options.coverage * self.num_nodes:
            nodes = self.draw(generator)
            _, _, slot = self.edges_among(nodes, local)
            node_count[nodes] += 1
            edge_count[slot] += 1
            visits += nodes.numel()
            num_subgraphs += 1
        return of_counts(node_count, edge_count, num_subgraphs)
