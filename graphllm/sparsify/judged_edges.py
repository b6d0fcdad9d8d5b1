"""The edges of a graph that are judged, and what is worth remembering of them."""

from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from graphllm.errors import TextGraphError
from graphllm.kernels.row_topk import RowGroups, group_rows
from graphllm.sparsify.symmetric import reverse_edges

# A training graph and an evaluation graph.
MAX_GRAPHS = 2


class JudgedEdges:
    """All edges of a graph but its self loops, which are always kept.

    Args:
        edge_index (Tensor): :math:`(2, |E|)`.
        num_nodes (int): Number of nodes.

    Raises:
        TextGraphError: If an edge names a node that does not exist.
    """

    def __init__(self, edge_index: Tensor, num_nodes: int) -> None:
        if edge_index.numel() > 0:
            low, high = (int(bound) for bound in torch.aminmax(edge_index))
            if low < 0 or high >= num_nodes:
                raise TextGraphError(
                    f"'edge_index' must hold ids in [0, {num_nodes - 1}] (got "
                    f"{low if low < 0 else high}); 'x' has {num_nodes} rows"
                )
        self.num_nodes = num_nodes
        self.num_given = edge_index.size(1)
        judged = edge_index[0] != edge_index[1]
        # A graph without loops, the usual one, is not copied.
        self.position = None if bool(judged.all()) else judged.nonzero().view(-1)
        self.edge_index = edge_index
        if self.position is not None:
            self.edge_index = edge_index[:, self.position]
        self.prior: Tensor | None = None
        self.correction: Tensor | None = None
        self.correction_age = 0

    @property
    def num_edges(self) -> int:
        """Number of judged edges."""
        return self.edge_index.size(1)

    @property
    def owner(self) -> Tensor:
        """The node that judges each edge: the one it enters."""
        return self.edge_index[1]

    @cached_property
    def rows(self) -> RowGroups:
        """The edges grouped by owner."""
        return group_rows(self.owner, self.num_nodes)

    @cached_property
    def degree(self) -> Tensor:
        """Edges that each node judges, :math:`(|V|)`."""
        return self.rows.degree()

    @cached_property
    def partner(self) -> Tensor:
        """Position of each edge's other direction, its own where there is none."""
        return reverse_edges(self.edge_index, self.num_nodes)

    def pick(self, value: Tensor) -> Tensor:
        """The rows of the judged edges, of one row for every edge given."""
        return value if self.position is None else value[self.position]

    def spread(self, value: Tensor) -> Tensor:
        """One number for every edge given: one for self loops."""
        if self.position is None:
            return value
        every = value.new_ones(self.num_given)
        return every.index_copy(0, self.position, value)


class GraphMemory:
    """Finds the :class:`JudgedEdges` of a graph that came along before.

    The last few graphs are kept, each for as long as its ``edge_index`` is the same,
    unchanged tensor. Copies and files carry none.
    """

    def __init__(self) -> None:
        self._known: list[tuple[Tensor, int, JudgedEdges]] = []

    def __getstate__(self) -> dict[str, Any]:
        return {"_known": []}

    def find(self, edge_index: Tensor, num_nodes: int) -> JudgedEdges:
        """The judged edges of this very tensor, made now or some passes ago."""
        # What is made in inference mode must not be met in training.
        if edge_index.is_inference() or torch.is_inference_mode_enabled():
            return JudgedEdges(edge_index, num_nodes)
        for ends, version, graph in self._known:
            same = ends is edge_index and version == edge_index._version
            if same and graph.num_nodes == num_nodes:
                return graph
        graph = JudgedEdges(edge_index, num_nodes)
        entry = (edge_index, edge_index._version, graph)
        others = [known for known in self._known if known[0] is not edge_index]
        self._known = [*others, entry][-MAX_GRAPHS:]
        return graph
