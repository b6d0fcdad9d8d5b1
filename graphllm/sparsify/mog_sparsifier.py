"""A mixture of pruning experts, one choice of them for every node."""

from collections.abc import Sequence
from functools import partial
from typing import get_args

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.errors import BudgetError, TextGraphError, UnknownNameError
from graphllm.kernels.row_topk import row_topk
from graphllm.sparsify.base import Sparsifier, SparsifyOutput, evaluating
from graphllm.sparsify.budgets import (
    Allocation,
    check_allocation,
    check_min_edges,
    check_sparsity,
    keep_counts,
    match_total,
)
from graphllm.sparsify.criteria.base import Criterion
from graphllm.sparsify.criteria.degree import degree
from graphllm.sparsify.criteria.effective_resistance import effective_resistance
from graphllm.sparsify.criteria.jaccard import jaccard
from graphllm.sparsify.expert import SparsifierExperts
from graphllm.sparsify.grassmann import GrassmannMixer
from graphllm.sparsify.judged_edges import GraphMemory, JudgedEdges
from graphllm.sparsify.mixing import Mix, Mixing, Opinion
from graphllm.sparsify.priors import edge_priors
from graphllm.sparsify.router import NoisyTopKRouter
from graphllm.sparsify.row_standardize import row_standardize
from graphllm.sparsify.soft_votes import soft_vote, thresholds
from graphllm.sparsify.symmetric import Symmetric, combine, nearest_total, row_place

# Votes nearer than this are a tie, which the soft vote breaks.
TIE = 1e-3


class MoGSparsifier(Sparsifier):
    r"""Prunes every node's edges by criteria and sparsities that suit the node.

    `"Graph Sparsification via Mixture of Graphs" <https://arxiv.org/abs/2405.14260>`_
    (section 3). Node :math:`i` judges the :math:`d_i` edges that enter it:

    1. A router picks ``k`` of the :math:`K = C S` experts and their gates
       :math:`g_{im}`, see :class:`~graphllm.sparsify.NoisyTopKRouter`.
    2. Each expert :math:`m` scores the edges, see
       :class:`~graphllm.sparsify.SparsifierExperts`, and keeps all but the
       :math:`\lceil s_m d_i \rceil` lowest.
    3. The ``k`` sparse neighbourhoods are mixed into one weight an edge: on the
       Grassmann manifold (eqs. 9-13, see :class:`~graphllm.sparsify.GrassmannMixer`)
       or by a vote.
    4. The :math:`d_i - \lceil s^{(i)} d_i \rceil` heaviest edges are kept, where
       :math:`s^{(i)}` is the mean sparsity of the selected experts (eq. 14). With
       ``sparsity`` given, the counts are made to add up, see ``allocation``.

    The verdict is hard; its gradient is that of the soft vote

    .. math::
        v_{ij} = \sum_m g_{im} \, \mathrm{sigmoid} \left(
            (C^m(e_{ij}) - t^m_i) / \tau \right)

    with the threshold :math:`t^m_i` midway between the last edge kept and the first
    one removed (straight through), and reaches the router and all selected experts.
    The loss of its own balances the experts, see
    :meth:`NoisyTopKRouter.balance_loss`. Noise is drawn in training only.

    .. note::
        The paper leaves open what becomes of an edge whose ends disagree; by default
        each direction goes its own way. A kept edge counts as one in eq. 13, where the
        paper's notation reads normalised by degree. Ranks do not depend on the
        temperature, so that a saved model prunes as it did in training. The authors'
        code groups by source, mixes masked scores over whole graphs, draws noise at
        test time and never removes an edge.

    Args:
        in_channels (int): Size of each feature vector, :math:`F`. Features of whole
            numbers are read as numbers.
        criteria (sequence of callable, optional): Prior criteria, :math:`C`, see
            :mod:`graphllm.sparsify.criteria`; a graph that brings ``edge_prior`` is
            read by that instead.
            (default: :obj:`(degree, jaccard, effective_resistance)`)
        sparsities (sequence of float, optional): Shares of its edges that an expert
            *removes*, :math:`S` of them. (default: :obj:`(0.1, 0.3, 0.5)`)
        k (int, optional): Experts a node. (default: :obj:`2`)
        sparsity (float, optional): Share of all judged edges, in the batch if there
            are several graphs, to *remove* in every call: exactly
            ``round((1 - sparsity) * E)`` are kept, spread over the nodes by their
            sparsities and ``allocation``; or as near as ``min_edges`` and
            ``symmetric`` allow. With :obj:`None` each node
            has the mean of its experts. (default: :obj:`None`)
        mix (str, optional): ``"grassmann"``; ``"vote"``: :math:`\sum_m g_{im}` over
            the experts that keep the edge; or ``"gated_mean"``, where each of them
            counts by how firmly it does. Weights that differ by less than about
            0.001 are ranked by the soft vote at :math:`\tau = 1`.
            (default: :obj:`"grassmann"`)
        symmetric (str, optional): ``"union"``, ``"intersection"`` or ``"mean"`` of
            the verdicts of both ends, see
            :func:`~graphllm.sparsify.symmetric.combine`; with :obj:`None` directions
            are on their own. (default: :obj:`None`)
        min_edges (int, optional): Edges that a node keeps at least, if it has as
            many. (default: :obj:`1`)
        hidden_channels (int, optional): Size of the experts' hidden layer.
            (default: :obj:`64`)
        temperature (float, optional): :math:`\tau`, an attribute that a training loop
            may lower. (default: :obj:`1.0`)
        balance (tuple of float, optional): Weights of importance and load in the
            loss. (default: :obj:`(1e-2, 1e-2)`)
        mix_interval (int, optional): In training on one and the same graph the
            Grassmann mixing is done every so many passes; in between, what it added
            to the vote is added to the new vote. (default: :obj:`1`)
        max_ego (int, optional): Most nodes of a mixed ego. (default: :obj:`16`)
        num_eigs (int, optional): Most eigenvectors of an ego. (default: :obj:`4`)
        allocation (str, optional): With ``sparsity`` given, whether the nodes'
            sparsities set how many edges a node may keep (``"cap"``: edges come from
            nodes that have many, and a node of few keeps them whatever its experts
            say; this is not the paper's) or which share (``"share"``), see
            :func:`~graphllm.sparsify.budgets.match_total`. (default: :obj:`"cap"`)

    Shapes:
        - **x:** :math:`(|V|, F)`
        - **edge_index:** :math:`(2, |E|)`; self loops are kept and never judged
        - **edge_prior:** :math:`(|E|, C)`, optional; where it is missing it is
          computed, once for as long as ``edge_index`` is the same, unchanged tensor
          (criteria that read ``x`` see the first one)
        - **batch:** :math:`(|V|)`, optional: the graphs over which priors that are
          computed here are standardised; egos never leave their graph
        - **edge_weight:** not read
        - **output:** mask :math:`(|E|)` and a scalar

    Raises:
        BudgetError: If a sparsity, ``k``, ``min_edges``, ``hidden_channels``,
            ``temperature`` or ``mix_interval`` is out of range, or there are no
            criteria.
        UnknownNameError: If there is no such ``mix``, ``symmetric`` or
            ``allocation``.
        TextGraphError: If ``x``, ``edge_index`` or ``edge_prior`` do not fit.

    Example:
        >>> sparsifier = MoGSparsifier(data.num_features, sparsity=0.3)
        >>> edge_mask, aux_loss = sparsifier(data.x, data.edge_index)
        >>> smaller = sparsifier.sparsify(data)
    """

    def __init__(
        self,
        in_channels: int,
        criteria: Sequence[Criterion] = (degree, jaccard, effective_resistance),
        sparsities: Sequence[float] = (0.1, 0.3, 0.5),
        k: int = 2,
        *,
        sparsity: float | None = None,
        mix: Mix = "grassmann",
        symmetric: Symmetric | None = None,
        min_edges: int = 1,
        hidden_channels: int = 64,
        temperature: float = 1.0,
        balance: tuple[float, float] = (1e-2, 1e-2),
        mix_interval: int = 1,
        max_ego: int = 16,
        num_eigs: int = 4,
        allocation: Allocation = "cap",
    ) -> None:
        super().__init__()
        if symmetric is not None and symmetric not in get_args(Symmetric):
            raise UnknownNameError("symmetric", symmetric, get_args(Symmetric))
        check_min_edges(min_edges)
        check_allocation(allocation)
        if not temperature > 0.0:
            raise BudgetError(f"'temperature' must be above 0 (got {temperature:g})")
        if sparsity is not None:
            check_sparsity(sparsity)
        self.in_channels = in_channels
        self.criteria = tuple(criteria)
        self.sparsity = sparsity
        self.symmetric: Symmetric | None = symmetric
        self.min_edges = min_edges
        self.temperature = temperature
        self.balance = balance
        self.allocation: Allocation = allocation
        self.experts = SparsifierExperts(
            in_channels, len(self.criteria), sparsities, hidden_channels
        )
        self.router = NoisyTopKRouter(in_channels, self.experts.num_experts, k)
        # An edge counts as one: edges into thin egos must not outweigh the others.
        mixer = GrassmannMixer(num_eigs, max_ego, normalize=False)
        self.mixing = Mixing(mix, mixer, mix_interval)
        self._memory = GraphMemory()

    def reset_parameters(self) -> None:
        """Initialise router and experts afresh, and forget every graph."""
        self._memory = GraphMemory()
        self.router.reset_parameters()
        self.experts.reset_parameters()

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        *,
        edge_prior: Tensor | None = None,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
    ) -> SparsifyOutput:
        """Mark the edges that stay."""
        self._check(x, edge_index, edge_prior)
        graph = self._memory.find(edge_index, x.size(0))
        chosen, gate = self.router.choose(x)
        prior = self._prior(graph, x, edge_index, edge_prior, batch)
        opinion = self._ask(x, graph, prior, chosen, gate.detach())
        with torch.no_grad():
            kept = self._verdict(graph, opinion)
        mask = kept.to(gate.dtype)
        if not self.training:
            return SparsifyOutput(graph.spread(mask), gate.new_zeros(()))
        soft = soft_vote(opinion.margin, gate, graph.owner, self.temperature)
        if self.symmetric is not None:
            soft = (soft + soft[graph.partner]) / 2.0
        # Its value is the verdict, its gradient that of the soft vote.
        mask = mask + (soft - soft.detach())
        return SparsifyOutput(
            graph.spread(mask), self.router.balance_loss(*self.balance)
        )

    def routing(self, data: Data) -> Tensor:
        """Who asks which expert, for reports.

        Args:
            data (Data): A graph with ``x``.

        Returns:
            Tensor: Gates without noise, :math:`(|V|, K)`; expert ``c * S + s`` is of
            criterion ``c`` and sparsity ``s``.
        """
        with evaluating(self.router), torch.no_grad():
            gates: Tensor = self.router(data.x)
        return gates

    def _prior(
        self,
        graph: JudgedEdges,
        x: Tensor,
        edge_index: Tensor,
        given: Tensor | None,
        batch: Tensor | None,
    ) -> Tensor:
        if given is not None:
            return graph.pick(given)
        if graph.prior is None:
            num_nodes = graph.num_nodes
            prior = edge_priors(edge_index, num_nodes, x.detach(), self.criteria)
            if batch is not None:
                # Each graph on its own scale, as if it had come alone.
                prior = row_standardize(prior, batch[edge_index[1]], num_nodes)
            graph.prior = graph.pick(prior)
        return graph.prior

    def _ask(
        self,
        x: Tensor,
        graph: JudgedEdges,
        prior: Tensor,
        chosen: Tensor,
        gate: Tensor,
    ) -> Opinion:
        """What the experts of each node keep, or all experts, if that is needed."""
        everyone = self.mixing.needs_every_expert(graph, self.training)
        experts, owner = self.experts, graph.owner
        if everyone:
            score = experts(x, graph.edge_index, prior)
            levels = experts.sparsities * experts.num_priors
            budget = keep_counts(graph.degree, levels, self.min_edges)
        else:
            score = experts(x, graph.edge_index, prior, chosen)
            share = experts.sparsity_of(chosen)
            budget = keep_counts(graph.degree, share, self.min_edges)
        masks = kept = row_topk(score, graph.rows, budget)
        if everyone:
            asked = chosen.index_select(0, owner)
            score, kept = score.gather(1, asked), masks.gather(1, asked)
        threshold = thresholds(score, kept, owner, graph.num_nodes)
        margin = score - threshold.index_select(0, owner)
        return Opinion(chosen, gate, margin, kept, masks if everyone else None)

    def _verdict(self, graph: JudgedEdges, opinion: Opinion) -> Tensor:
        """The edges that are kept, :math:`(|E|)` ``bool``."""
        ranking = soft_vote(opinion.margin, opinion.gate, graph.owner)
        weight = self.mixing.weigh(graph, opinion, ranking, self.training)
        weight = weight.double() + TIE * ranking.double()
        share = self.experts.sparsity_of(opinion.chosen).mean(dim=1)
        goal = self._goal(graph)
        priority = _row_mean(ranking, graph)

        def budget(total: int | None) -> Tensor:
            if total is None:
                return keep_counts(graph.degree, share, self.min_edges)
            return match_total(
                *(graph.degree, share, total, self.min_edges, priority),
                allocation=self.allocation,
            )

        if self.symmetric is None:
            return row_topk(weight, graph.rows, budget(goal))
        both = partial(
            combine,
            self.symmetric,
            row_place(weight, graph.rows),
            degree=graph.degree,
            owner=graph.owner,
            partner=graph.partner,
            min_edges=self.min_edges,
        )
        if goal is None:
            return both(budget=budget(None))
        return nearest_total(
            lambda total: both(budget=budget(total)), goal, graph.num_edges
        )

    def _goal(self, graph: JudgedEdges) -> int | None:
        if self.sparsity is None:
            return None
        return round((1.0 - self.sparsity) * graph.num_edges)

    def _check(self, x: Tensor, edge_index: Tensor, edge_prior: Tensor | None) -> None:
        if x.dim() != 2 or x.size(1) != self.in_channels:
            raise TextGraphError(
                f"'x' must have shape (num_nodes, {self.in_channels}) (got "
                f"{tuple(x.shape)}); 'in_channels' says how wide features are"
            )
        if edge_index.dim() != 2 or edge_index.size(0) != 2:
            raise TextGraphError(
                f"'edge_index' must have shape (2, E) (got {tuple(edge_index.shape)})"
            )
        shape = (edge_index.size(1), len(self.criteria))
        if edge_prior is not None and edge_prior.shape != shape:
            raise TextGraphError(
                f"'edge_prior' must have shape {shape}, one column a criterion (got "
                f"{tuple(edge_prior.shape)}); make it with AddEdgePriors(criteria)"
            )


def _row_mean(value: Tensor, graph: JudgedEdges) -> Tensor:
    total = value.new_zeros(graph.num_nodes).index_add(0, graph.owner, value)
    return total / graph.degree.clamp(min=1)
