"""The pruning experts: what each edge is worth to each of them."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphllm.errors import BudgetError
from graphllm.sparsify.budgets import check_sparsity
from graphllm.sparsify.edge_scores import EdgeNetwork, edge_scores
from graphllm.sparsify.row_standardize import row_standardize

# Deviation of the network's first scores, where a prior has the deviation one.
INITIAL_STD = 1e-2


class SparsifierExperts(nn.Module):
    r"""Scores every edge for :math:`K` experts, one a criterion and sparsity.

    The :math:`C^m` of MoG, `"Graph Sparsification via Mixture of Graphs"
    <https://arxiv.org/abs/2405.14260>`_ (step 3): a small network judges an edge from
    the features of its ends and from one prior criterion :math:`c`. Expert
    :math:`m = c S + s` combines criterion :math:`c` with sparsity :math:`s`:

    .. math::
        z^m_{ij} &= \alpha_m \, c_{ij} + \mathbf{v}_m^{\top} \mathrm{ReLU} \left(
            \mathrm{LN}(\mathbf{W}_1 \mathbf{x}_j) + \mathrm{LN}(\mathbf{W}_2
            \mathbf{x}_i) + \mathbf{b} + c_{ij} \, \mathbf{w}_c \right) \\
        C^m(e_{ij}) &= (z^m_{ij} - \mu^m_i) / \sigma^m_i

    with the mean and deviation over the edges that enter node :math:`i`, see
    :func:`~graphllm.sparsify.row_standardize.row_standardize`. At the start
    :math:`\alpha_m = 1` and :math:`\mathbf{v}_m` is small: every expert ranks by its
    own criterion until it has learned better.

    The first layer is a sum over the ends, so that features are multiplied once a node
    and not once an edge, and all experts share it. Memory is :math:`O(|V| h + |E| K)`
    in training too, see :func:`~graphllm.sparsify.edge_scores.edge_scores`.

    .. note::
        The paper's FFN reads the concatenated inputs; this is the same first layer,
        shared. The authors' code adds fixed scores to a learned part that it divides
        by its norm over all edges, which leaves its ranking to noise; here both
        parts are added first, and standardised within each row.

    Args:
        in_channels (int): Size of each feature vector, :math:`F`.
        num_priors (int): Number of criteria, :math:`C`.
        sparsities (sequence of float): Shares of its edges that a node *loses*, one a
            level, :math:`S` of them.
        hidden_channels (int, optional): Size of the hidden layer, :math:`h`.
            (default: :obj:`64`)

    Shapes:
        - **x:** :math:`(|V|, F)`
        - **edge_index:** :math:`(2, |E|)`; node ``edge_index[1]`` judges
        - **prior:** :math:`(|E|, C)`, standardised over the graph
        - **chosen:** :math:`(|V|, k)` ``int64``, optional: experts of each node
        - **output:** :math:`(|E|, K)` with :math:`K = C S`, or :math:`(|E|, k)`: of
          the experts that the judging node has chosen

    Raises:
        BudgetError: If there is no criterion or sparsity, a sparsity is outside
            [0, 1], or ``hidden_channels`` is below 1.
    """

    def __init__(
        self,
        in_channels: int,
        num_priors: int,
        sparsities: Sequence[float],
        hidden_channels: int = 64,
    ) -> None:
        super().__init__()
        if len(sparsities) == 0:
            raise BudgetError("'sparsities' is empty; give at least one, such as 0.3")
        if num_priors < 1:
            raise BudgetError(
                "there are no criteria; give at least one, such as degree"
            )
        if hidden_channels < 1:
            raise BudgetError(
                f"'hidden_channels' must be 1 or more (got {hidden_channels})"
            )
        check_sparsity(sparsities)
        self.sparsities = tuple(float(share) for share in sparsities)
        self.num_priors = num_priors
        self.num_experts = num_priors * len(self.sparsities)
        self.lin_src = nn.Linear(in_channels, hidden_channels, bias=False)
        self.lin_dst = nn.Linear(in_channels, hidden_channels, bias=False)
        self.bias = nn.Parameter(torch.empty(hidden_channels))
        self.prior_weight = nn.Parameter(torch.empty(num_priors, hidden_channels))
        self.out_weight = nn.Parameter(torch.empty(self.num_experts, hidden_channels))
        self.prior_scale = nn.Parameter(torch.empty(self.num_experts))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start with every expert ranking by its own criterion."""
        self.lin_src.reset_parameters()
        self.lin_dst.reset_parameters()
        nn.init.zeros_(self.bias)
        nn.init.normal_(self.prior_weight)
        hidden_channels = self.bias.numel()
        nn.init.normal_(self.out_weight, std=INITIAL_STD / math.sqrt(hidden_channels))
        nn.init.ones_(self.prior_scale)

    def sparsity_of(self, expert: Tensor) -> Tensor:
        """The share that each of the experts removes, ``float64``."""
        level = torch.tensor(self.sparsities, dtype=torch.float64, device=expert.device)
        return level[expert % len(self.sparsities)]

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        prior: Tensor,
        chosen: Tensor | None = None,
    ) -> Tensor:
        """Standardised scores, higher is more worth keeping."""
        x, prior = x.to(self.bias.dtype), prior.to(self.bias.dtype)
        size = (self.bias.numel(),)
        h_src = F.layer_norm(self.lin_src(x), size)
        h_dst = F.layer_norm(self.lin_dst(x), size) + self.bias
        network = EdgeNetwork(
            h_src, h_dst, self.prior_weight, self.out_weight, self.prior_scale
        )
        score = edge_scores(network, edge_index, prior, chosen)
        return row_standardize(score, edge_index[1], x.size(0))
