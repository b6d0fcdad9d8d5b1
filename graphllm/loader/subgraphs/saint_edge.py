"""GraphSAINT by random edges."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.errors import TextGraphError
from graphllm.loader.subgraphs.base import BoundSubgraphs, Subgraphs
from graphllm.loader.subgraphs.checks import check_at_least
from graphllm.loader.subgraphs.draws import WeightedDraws
from graphllm.loader.subgraphs.inclusion import of_independent_draws
from graphllm.loader.subgraphs.saint import BoundSaint


@dataclass(frozen=True)
class SaintEdge(Subgraphs):
    r"""Subgraphs among the ends of edges that are drawn by the degrees of their ends.

    The edge sampler of `"GraphSAINT: Graph Sampling Based Inductive Learning Method"
    <https://arxiv.org/abs/1907.04931>`_ (2020): edges come with replacement by

    .. math::
        q(u, v) \propto \frac{1}{d_u} + \frac{1}{d_v}

    with :math:`d_v \ge 1` the number of edges into :math:`v`, and bring all edges among
    their ends. How edges and losses are weighted stands at
    :class:`graphllm.loader.subgraphs.saint.BoundSaint`. A node without edges is in no
    subgraph, hence its loss never counts.

    .. note::
        The probabilities of nodes and edges are exact; the authors' code counts them
        in many subgraphs.

    Args:
        num_edges (int, optional): Draws a subgraph. (default: :obj:`6000`)
        num_steps (int, optional): Subgraphs an epoch. (default: :obj:`5`)
        normalize (bool, optional): Whether edges and losses are weighted.
            (default: :obj:`True`)

    Raises:
        GraphLLMError: If an option is out of range.
    """

    num_edges: int = 6000
    num_steps: int = 5
    normalize: bool = True

    def __post_init__(self) -> None:
        check_at_least("num_edges", self.num_edges, 1)
        check_at_least("num_steps", self.num_steps, 1)

    def bind(self, data: Data) -> BoundSubgraphs:
        """Compute the probabilities; see :meth:`Subgraphs.bind`.

        Raises:
            TextGraphError: If no edge leads from or to a training node, too.
        """
        return _BoundEdges(self, data)


class _BoundEdges(BoundSaint):
    def __init__(self, options: SaintEdge, data: Data) -> None:
        super().__init__(data, options.num_steps)
        self.options = options
        self.ends = torch.stack([self.csr.indices, self.target])
        if not self.train_mask[self.ends].any():
            raise TextGraphError(
                "no edge leads from or to a node of 'data.train_mask', so that drawn "
                "edges bring nothing to learn from; draw nodes or walks instead"
            )
        share = 1.0 / self.csr.degree().clamp(min=1)
        self.draws = WeightedDraws(share.double()[self.ends].sum(dim=0))
        if options.normalize:
            node, both = self._by_one_draw()
            self.normalize(
                of_independent_draws(node, both, self.ends, options.num_edges)
            )

    def draw(self, generator: torch.Generator) -> Tensor:
        """Distinct ends of as many draws as there are ``num_edges``."""
        edges = self.draws.draw(self.options.num_edges, generator)
        return self.ends[:, edges].unique()

    def _by_one_draw(self) -> tuple[Tensor, Tensor]:
        """Probability that one draw brings a node, and that it brings both ends."""
        source, target = self.ends
        q = self.draws.probability
        node = torch.zeros(self.num_nodes, dtype=torch.double).index_add_(0, source, q)
        node.index_add_(0, target, torch.where(source == target, 0.0, q))
        # Edges of both directions and repeated ones lead between the same ends.
        low, high = self.ends.aminmax(dim=0)
        _, pair = (low * self.num_nodes + high).unique(return_inverse=True)
        between = torch.zeros_like(q).index_add_(0, pair, q)[pair]
        return node, torch.where(source == target, node[source], between)
