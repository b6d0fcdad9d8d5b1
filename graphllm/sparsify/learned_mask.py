"""One free number an edge, learned with the GNN."""

import torch
from torch import Tensor, nn

from graphllm.errors import BudgetError, TextGraphError
from graphllm.seed import generator
from graphllm.sparsify.base import Sparsifier, SparsifyOutput
from graphllm.sparsify.budgets import check_sparsity

# Just enough that edges differ before anything is learned.
INITIAL_STD = 1e-2


class LearnedMask(Sparsifier):
    r"""Learns one parameter for each undirected edge of one graph.

    The graph half of `"A Unified Lottery Ticket Hypothesis for Graph Neural Networks"
    <https://arxiv.org/abs/2102.06790>`_ (UGS), section 3: a free mask
    :math:`\boldsymbol{\theta}` over the edges is trained together with the network and
    drawn towards zero, and the edges with the smallest entries go. Here, with
    :math:`t` the largest entry that is removed,

    .. math::
        m_e = \mathbb{1}[\theta_e > t], \qquad
        \frac{\partial m_e}{\partial \theta_e} = \sigma'(\theta_e), \qquad
        \mathcal{L}_{\mathrm{aux}} = \frac{\lambda}{|\mathcal{E}|}
            \sum_e \sigma(\theta_e) .

    The baseline for sparsifiers that generalise: it knows no other graph.

    .. note::
        The authors multiply messages by the mask itself, prune 5 % and train again
        from the first weights, many times over, and prune the network as well. Here
        the network sees the pruned graph from the start, at the final sparsity, and a
        removed edge comes back when its entry has grown past others.

    Args:
        edge_index (Tensor): :math:`(2, |E|)`, the graph. Both directions of an edge
            and its repetitions share a parameter.
        sparsity (float): Share of the edges that is *removed*; self loops stay and do
            not count. :math:`(1 - s) |E|` edges are kept, to the nearest number that
            whole undirected edges allow.
        kept (int, optional): This many edges instead. (default: :obj:`None`)
        decay (float, optional): :math:`\lambda`. (default: :obj:`1e-2`)
        seed (int, optional): Seed of the first mask. (default: :obj:`0`)

    Raises:
        BudgetError: If the sparsity is outside [0, 1] or ``kept`` is negative.

    Example:
        >>> sparsifier = LearnedMask(data.edge_index, sparsity=0.3)
        >>> model = SparsifiedGNN(gnn, sparsifier)
    """

    edge_index: Tensor
    pair: Tensor

    def __init__(
        self,
        edge_index: Tensor,
        sparsity: float,
        *,
        kept: int | None = None,
        decay: float = 1e-2,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_sparsity(sparsity)
        if kept is not None and kept < 0:
            raise BudgetError(f"'kept' must be 0 edges or more (got {kept})")
        self.sparsity = sparsity
        self.kept = kept
        self.decay = decay
        self.seed = seed
        # Copied: the graph may be changed later, and must then be refused.
        self.register_buffer("edge_index", edge_index.clone(), persistent=False)
        self.register_buffer("pair", _undirected(edge_index), persistent=False)
        num_pairs = int(self.pair.max()) + 1 if self.pair.numel() > 0 else 0
        self.logit = nn.Parameter(torch.empty(num_pairs, device=edge_index.device))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """The mask before any training."""
        noise = torch.randn(self.logit.shape, generator=generator(self.seed))
        self.logit.data.copy_(INITIAL_STD * noise)

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        *,
        edge_prior: Tensor | None = None,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
    ) -> SparsifyOutput:
        """Mark the edges that stay.

        Raises:
            TextGraphError: If this is not the graph that the mask was made for.
        """
        if not torch.equal(edge_index, self.edge_index):
            raise TextGraphError(
                f"a LearnedMask belongs to one graph, of {self.pair.numel()} edges "
                f"(got another, of {edge_index.size(1)} edges); call it with the same "
                "edge_index, in the same order"
            )
        soft = self.logit.sigmoid()
        hard = self._chosen().to(soft.dtype)
        aux_loss = self.decay * soft.mean() if soft.numel() > 0 else soft.sum()
        if self.training:
            hard = hard + (soft - soft.detach())
        judged = self.pair >= 0
        edge_mask = hard.new_ones(judged.shape)
        edge_mask = edge_mask.masked_scatter(judged, hard[self.pair[judged]])
        return SparsifyOutput(edge_mask, aux_loss)

    def _chosen(self) -> Tensor:
        """Undirected edges that stay, the best first, until the budget is used up."""
        size = torch.bincount(self.pair[self.pair >= 0], minlength=self.logit.numel())
        goal = self.kept
        if goal is None:
            goal = round((1.0 - self.sparsity) * int(size.sum()))
        order = torch.argsort(self.logit.detach(), descending=True, stable=True)
        middle = size[order].cumsum(0) - size[order] / 2
        chosen = torch.zeros_like(order, dtype=torch.bool)
        chosen[order] = middle < goal
        return chosen


def _undirected(edge_index: Tensor) -> Tensor:
    """Number of the undirected edge of each edge, -1 for self loops."""
    low, high = edge_index.sort(dim=0).values
    num_nodes = int(high.max()) + 1 if high.numel() > 0 else 0
    judged = low != high
    pair = torch.full_like(low, -1)
    key = low * num_nodes + high
    pair[judged] = torch.unique(key[judged], return_inverse=True)[1]
    return pair
