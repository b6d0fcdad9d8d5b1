"""The Neighborhood Detail template: a tree of fixed shape around each node."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from graphllm.errors import GraphLLMError
from graphllm.graph_tokens.base import JSON, GraphTemplate, GraphTokens, NodeTokens
from graphllm.graph_tokens.simple_graph import simple_graph
from graphllm.graph_tokens.tree_encoding import TreeEncoding, tree_encoding
from graphllm.graph_tokens.visible import refuse_visible, walked
from graphllm.kernels.sample import stream_key
from graphllm.kernels.tree import num_positions, parent_positions, sample_trees
from graphllm.kernels.tree_twin import sample_trees_twin


@dataclass(frozen=True)
class NeighborhoodDetail(GraphTemplate):
    r"""A tree of neighbours around each node, position by position.

    The Neighborhood Detail template of `"LLaGA: Large Language and Graph Assistant"
    <https://arxiv.org/abs/2402.08170>`_. A tree with :math:`s_h` children a position
    at level :math:`h` is drawn around the node, as
    :func:`~graphllm.kernels.tree.sample_trees` does, and read level by level:
    :math:`T = 1 + s_1 + s_1 s_2 + \dots` positions. The vector of position :math:`i`
    is (Eq. 2)

    .. math::
        \mathbf{h}_i = [\, \mathbf{x}_{v_i} \, \Vert \, \mathbf{U}_i \,]

    with zeros in place of :math:`\mathbf{x}` where there is no node. The code
    :math:`\mathbf{U}` of the positions is the same for all nodes, see
    :func:`~graphllm.graph_tokens.tree_encoding`.

    .. note::
        The published code leaves out an edge that is to be predicted at the first
        level only, where three levels or a self-loop bring it back; here it is never
        walked.

    Args:
        num_neighbors (Sequence[int], optional): The fan-outs.
            (default: :obj:`(10, 10)`)
        pe (str, optional): ``"laplacian"``, ``"legacy"`` (the published code's
            matrix), ``"onehot"``, or :obj:`None` for features alone.
            (default: :obj:`"laplacian"`)
        seed (int, optional): Seed of the trees. (default: :obj:`0`)
        resample (bool, optional): Whether each epoch draws trees of its own.
            (default: :obj:`False`)
        table (Tensor, optional): :math:`(T, T)`, the code itself, as a checkpoint
            keeps it. (default: computed from ``pe``)

    Raises:
        GraphLLMError: If the fan-outs are not positive integers, or the table has
            another shape.
        UnknownNameError: If there is no such code.
    """

    num_neighbors: Sequence[int] = (10, 10)
    pe: TreeEncoding | None = "laplacian"
    seed: int = 0
    resample: bool = False
    table: Tensor | None = field(default=None, repr=False, compare=False)

    name: ClassVar[str] = "nd"

    def __post_init__(self) -> None:
        """Check the fan-outs and make the code."""
        counts = tuple(self.num_neighbors)
        if not counts or not all(isinstance(n, int) and n > 0 for n in counts):
            raise GraphLLMError(
                "'num_neighbors' must list how many children a position has at each "
                f"level, like (10, 10) (got {self.num_neighbors!r})"
            )
        object.__setattr__(self, "num_neighbors", counts)
        if self.pe is None:
            object.__setattr__(self, "table", None)
        elif self.table is None:
            object.__setattr__(self, "table", tree_encoding(counts, self.pe))
        elif self.table.shape != (self.num_tokens, self.num_tokens):
            raise GraphLLMError(
                f"'table' must have shape ({self.num_tokens}, {self.num_tokens}) for "
                f"fan-outs {counts} (got {tuple(self.table.shape)})"
            )

    @property
    def num_tokens(self) -> int:
        """Positions of the tree, :math:`T`."""
        return num_positions(self.num_neighbors)

    def num_features(self, in_channels: int) -> int:
        """Features and code."""
        return in_channels + (0 if self.pe is None else self.num_tokens)

    def bind(self, x: Tensor, edge_index: Tensor) -> "TreeTokens":
        """Group the edges; trees are drawn when they are asked for."""
        return TreeTokens(self, x, edge_index)

    def spec(self) -> dict[str, JSON]:
        """All arguments but the table."""
        return {
            "name": self.name,
            "num_neighbors": list(self.num_neighbors),
            "pe": self.pe,
            "seed": self.seed,
            "resample": self.resample,
        }

    def tensors(self) -> dict[str, Tensor]:
        """The code of the positions, as ``"pe"``."""
        return {} if self.table is None else {"pe": self.table}


class TreeTokens(NodeTokens):
    """:class:`NeighborhoodDetail` bound to a graph.

    Trees are drawn where ``edge_index`` is, in numba on a CPU and in torch elsewhere,
    with the same outcome.

    Args:
        template (NeighborhoodDetail): The rule.
        x (Tensor): :math:`(|V|, F)`.
        edge_index (Tensor): :math:`(2, |E|)`.
    """

    template: NeighborhoodDetail

    def __init__(
        self, template: NeighborhoodDetail, x: Tensor, edge_index: Tensor
    ) -> None:
        super().__init__(template, x.size(0))
        graph = simple_graph(x, edge_index)
        self.x = x
        self.graph = graph
        self.indptr, self.indices = graph.indptr, graph.indices
        parents = torch.from_numpy(parent_positions(template.num_neighbors))
        self.parents = parents.to(x.device)
        self.code = None if template.table is None else template.table.to(x)

    def trees(
        self, nodes: Tensor, *, exclude: Tensor | None = None, epoch: int = 0
    ) -> Tensor:
        """The nodes at the positions, :math:`(B, T)` ``int32``, -1 for none.

        Args:
            nodes (Tensor): :math:`(B)` node ids.
            exclude (Tensor, optional): :math:`(B)`, other ends of edges that are not
                walked, or -1. (default: :obj:`None`)
            epoch (int, optional): Names the draw, with ``resample``.
                (default: :obj:`0`)
        """
        counts = self.template.num_neighbors
        key = stream_key(self.template.seed, epoch if self.template.resample else 0)
        if not self.indices.is_cpu:
            return sample_trees_twin(
                self.indptr, self.indices, nodes, counts, key, exclude
            )
        trees = sample_trees(
            self.indptr.numpy(),
            self.indices.numpy(),
            nodes.cpu().numpy(),
            counts,
            key,
            None if exclude is None else exclude.cpu().numpy(),
        )
        return torch.from_numpy(trees)

    def pairs(
        self, pairs: Tensor, *, epoch: int = 0
    ) -> tuple[GraphTokens, GraphTokens]:
        """As :meth:`NodeTokens.pairs`.

        The pair's own edge is not walked, whatever the template is bound to; but where
        it is among the edges, so may be others that are to be predicted, and those are
        walked. So that is refused too.
        """
        tokens = super().pairs(pairs, epoch=epoch)
        left, right = pairs.to(self.indices.device).unbind(dim=1)
        refuse_visible(
            *(self.graph.joined(left, right), left, right),
            "it is among the edges that trees are drawn from",
        )
        return tokens

    def _tokens(self, nodes: Tensor, exclude: Tensor | None, epoch: int) -> GraphTokens:
        trees = self.trees(nodes, exclude=exclude, epoch=epoch)
        trees = trees.to(self.x.device, torch.long)
        if exclude is not None:
            seen = walked(trees, self.parents, exclude.to(trees.device))
            refuse_visible(seen, nodes, exclude, "a tree walks along it")
        mask = trees >= 0
        x = self.x[trees.clamp(min=0)].masked_fill_(~mask.unsqueeze(-1), 0.0)
        if self.code is not None:
            x = torch.cat([x, self.code.expand(trees.size(0), -1, -1)], dim=-1)
        return GraphTokens(x, mask, trees)
