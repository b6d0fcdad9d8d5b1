"""Keeping the edges that score best, in the whole graph or around each node."""

from typing import Literal

import torch
from torch import Tensor

from graphllm.errors import BudgetError, GraphLLMError, UnknownNameError
from graphllm.kernels.row_topk import row_topk
from graphllm.sparsify.base import Sparsifier, SparsifyOutput
from graphllm.sparsify.budgets import (
    check_min_edges,
    check_sparsity,
    keep_counts,
    match_total,
)
from graphllm.sparsify.criteria import Criterion, random_score

Scope = Literal["graph", "node"]


class ScoreSparsifier(Sparsifier):
    r"""Keeps the edges with the highest scores of a criterion.

    ``scope="graph"`` keeps :math:`E - \lceil s E \rceil` of the :math:`E` edges of
    each graph. With ``symmetric``, all columns that connect the same two nodes stay or
    go together: pairs are taken by falling score for as long as the next one fits, so
    that an undirected graph keeps at most one column less than asked for.

    ``scope="node"`` keeps :math:`d_i - \lceil s \, d_i \rceil` of the :math:`d_i`
    edges that enter node :math:`i`. With ``symmetric``, an edge also stays where the
    other direction does, the union of what both ends want, which is more than asked
    for.

    Among equal scores a fixed random number of the two nodes decides, not the order of
    the edges: of the many edges without a common neighbour, say, none is preferred.
    Self loops are kept and do not count. The criterion is computed at every call; for
    a graph that stays the same, train on what :meth:`sparsify` returns.

    Args:
        criterion (Criterion): Function ``(edge_index, num_nodes, x)`` to a score for
            each edge, see :mod:`graphllm.sparsify.criteria`.
        sparsity (float): Share of the edges that is *removed*, in [0, 1].
        scope (str, optional): ``"graph"`` or ``"node"``. (default: :obj:`"graph"`)
        symmetric (bool, optional): Whether both directions of an edge, and its
            repetitions, are one. (default: :obj:`True`)
        min_edges (int, optional): Edges entering a node that it keeps at least, if it
            has as many; they go before the sparsity. (default: :obj:`0`)
        kept (int, optional): Number of columns of ``edge_index`` to keep at each call
            instead, besides self loops and for all graphs of a batch together: the
            budget of another method. May be set later. (default: :obj:`None`)

    Raises:
        BudgetError: If a number is out of range.
        UnknownNameError: If there is no such scope.
        GraphLLMError: If ``kept`` is given where the union of two directions decides.
    """

    def __init__(
        self,
        criterion: Criterion,
        sparsity: float,
        scope: Scope = "graph",
        symmetric: bool = True,
        min_edges: int = 0,
        kept: int | None = None,
    ) -> None:
        super().__init__()
        check_sparsity(sparsity)
        check_min_edges(min_edges)
        if scope not in ("graph", "node"):
            raise UnknownNameError("scope", scope, ("graph", "node"))
        self.criterion = criterion
        self.sparsity = sparsity
        self.scope = scope
        self.symmetric = symmetric
        self.min_edges = min_edges
        self.kept = kept

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        *,
        edge_prior: Tensor | None = None,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
    ) -> SparsifyOutput:
        """Mark the edges that stay; the same in training and in evaluation.

        Args:
            x (Tensor): :math:`(|V|, F)`.
            edge_index (Tensor): :math:`(2, |E|)`.
            edge_prior (Tensor, optional): Not read. (default: :obj:`None`)
            edge_weight (Tensor, optional): Not read. (default: :obj:`None`)
            batch (Tensor, optional): :math:`(|V|)`, the graph of each node.
                (default: :obj:`None`)

        Returns:
            SparsifyOutput: A mask without gradients, and no loss.

        Raises:
            BudgetError: If ``kept`` is more than there are edges.
            TextGraphError: If the criterion cannot read the graph.
        """
        num_nodes = x.size(0)
        with torch.no_grad():
            features = x if x.size(-1) > 0 else None
            score = self.criterion(edge_index, num_nodes, features)
            judged = (edge_index[0] != edge_index[1]).nonzero().view(-1)
            edges = edge_index[:, judged]
            self._check_kept(edges.size(1))
            place = _places(score[judged], edges, num_nodes, batch)
            if self.scope == "node":
                keep = self._best_of_nodes(place, edges, num_nodes)
            else:
                keep = self._best_of_graphs(place, edges, num_nodes, batch)
            dtype = x.dtype if x.is_floating_point() else torch.float32
            mask = torch.ones(edge_index.size(1), dtype=dtype, device=x.device)
            mask[judged] = keep.to(dtype)
        return SparsifyOutput(mask, mask.new_zeros(()))

    def _check_kept(self, num_edges: int) -> None:
        if self.kept is None:
            return
        if self.scope == "node" and self.symmetric:
            raise GraphLLMError(
                f"'kept' ({self.kept}) cannot be met by the union of both directions; "
                "set symmetric=False or scope='graph'"
            )
        if not 0 <= self.kept <= num_edges:
            raise BudgetError(
                f"'kept' must be in [0, {num_edges}], the edges of the graph without "
                f"self loops (got {self.kept})"
            )

    def _best_of_nodes(self, place: Tensor, edges: Tensor, num_nodes: int) -> Tensor:
        degree = edges[1].bincount(minlength=num_nodes)
        if self.kept is None:
            budget = keep_counts(degree, self.sparsity, self.min_edges)
        else:
            # One cap for all nodes: a node of few edges keeps them all.
            share = torch.full_like(degree, self.sparsity, dtype=torch.double)
            budget = match_total(degree, share, self.kept, self.min_edges)
        keep = row_topk(place, edges[1], budget)
        if self.symmetric:
            pair, num_pairs = _pairs(edges, num_nodes)
            wanted = torch.zeros(num_pairs, dtype=torch.bool, device=edges.device)
            wanted[pair[keep]] = True
            keep = wanted[pair]
        return keep

    def _best_of_graphs(
        self, place: Tensor, edges: Tensor, num_nodes: int, batch: Tensor | None
    ) -> Tensor:
        graph = torch.zeros_like(edges[1])
        if batch is not None and self.kept is None:
            graph = batch[edges[1]]
        total = graph.bincount()
        if self.kept is None:
            budget = keep_counts(total, self.sparsity, min_edges=0)
        else:
            budget = torch.full_like(total, self.kept)
        pair = torch.arange(place.numel(), device=place.device)
        num_pairs = place.numel()
        if self.symmetric:
            pair, num_pairs = _pairs(edges, num_nodes)
        if self.min_edges > 0:
            degree = edges[1].bincount(minlength=num_nodes)
            first = row_topk(place, edges[1], degree.clamp(max=self.min_edges))
            place = place + place.numel() * first
            # What must stay stays, whatever that makes of the budget.
            must = torch.zeros(num_pairs, dtype=torch.bool, device=place.device)
            must[pair[first]] = True
            budget = budget.maximum(graph[must[pair]].bincount(minlength=len(budget)))
        return _longest_prefix(place, pair, num_pairs, graph, budget)


def _places(
    score: Tensor, edges: Tensor, num_nodes: int, batch: Tensor | None
) -> Tensor:
    """Place of each edge by rising score, from 0 on: no two are equal."""
    if batch is not None:
        # Numbered as if its graph were alone, an edge has the same number there.
        node = torch.arange(num_nodes, device=batch.device)
        first = torch.full_like(node, num_nodes).scatter_reduce(0, batch, node, "amin")
        edges = edges - first[batch[edges[1]]]
    order = torch.argsort(random_score(edges, num_nodes), stable=True)
    order = order[torch.argsort(score[order], stable=True)]
    place = torch.empty(order.numel(), dtype=torch.double, device=order.device)
    place[order] = torch.arange(order.numel(), device=order.device).double()
    return place


def _pairs(edges: Tensor, num_nodes: int) -> tuple[Tensor, int]:
    """Number of the two nodes that each edge connects, and how many there are."""
    low, high = edges.amin(dim=0), edges.amax(dim=0)
    pairs, pair = torch.unique(low * num_nodes + high, return_inverse=True)
    return pair, pairs.numel()


def _longest_prefix(
    place: Tensor, pair: Tensor, num_pairs: int, graph: Tensor, budget: Tensor
) -> Tensor:
    """The best pairs of each graph, for as long as their edges fit its budget."""
    size = pair.bincount(minlength=num_pairs)
    best = place.new_zeros(num_pairs).scatter_reduce(0, pair, place, "amax")
    owner = graph.new_zeros(num_pairs).scatter(0, pair, graph)
    order = torch.argsort(best, descending=True)
    order = order[torch.argsort(owner[order], stable=True)]
    used = size[order].cumsum(dim=0)
    # Edges of the graphs before, of which all are counted.
    used -= (graph.bincount().cumsum(dim=0) - graph.bincount())[owner[order]]
    keep = torch.zeros(num_pairs, dtype=torch.bool, device=place.device)
    keep[order] = used <= budget[owner[order]]
    return keep[pair]
