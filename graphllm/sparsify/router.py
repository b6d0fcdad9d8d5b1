"""Which pruning experts look at which node: noisy top-k gates."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphllm.errors import BudgetError

# Small enough for gates near 1 / k, large enough that nodes differ from the start.
INITIAL_STD = 1e-2


class NoisyTopKRouter(nn.Module):
    r"""Picks ``k`` of :math:`K` experts for every node, from its features.

    Step 2 of MoG, `"Graph Sparsification via Mixture of Graphs"
    <https://arxiv.org/abs/2405.14260>`_, after `"Outrageously Large Neural Networks:
    The Sparsely-Gated Mixture-of-Experts Layer" <https://arxiv.org/abs/1701.06538>`_:

    .. math::
        \psi(\mathbf{x}_i) = \mathbf{x}_i \mathbf{W}_g + \mathbf{b}
            + \boldsymbol{\epsilon} \odot \boldsymbol{\sigma}_i, \qquad
        \boldsymbol{\sigma}_i = \mathrm{softplus}(\mathbf{x}_i \mathbf{W}_n)
            + \eta, \qquad
        \mathbf{g}_i = \mathrm{softmax}(\mathrm{top}_k(\psi(\mathbf{x}_i)))

    with :math:`\boldsymbol{\epsilon} \sim \mathcal{N}(0, 1)` in training, drawn from
    torch's global generator as dropout does, and no noise in evaluation. Experts that
    are not among the ``k`` have the gate zero.

    Two figures say how evenly the experts are used, both of the last forward pass:
    the importance :math:`\sum_i g_{im}`, and the load, the expected number of nodes
    that pick an expert if their noise were drawn anew (Appendix A of the second
    paper; in evaluation the number that did). Their squared coefficients of variation
    are zero where all experts are used alike.

    .. note::
        :math:`\mathbf{W}_g` starts near zero, not at zero: before any training the
        gates are close to :math:`1/k`, and nodes with other features may still pick
        other experts when there is no noise to tell them apart. The papers have no
        :math:`\mathbf{b}`; without it features of mean zero cannot say that one
        expert suits most nodes.

    Args:
        in_channels (int): Size of each feature vector, :math:`F`.
        num_experts (int): Number of experts, :math:`K`.
        k (int): Experts a node.
        noise_eps (float, optional): Least standard deviation of the noise,
            :math:`\eta`. (default: :obj:`1e-2`)

    Shapes:
        - **x:** :math:`(|V|, F)`
        - **output:** gates :math:`(|V|, K)`; rows sum to one and have ``k`` non-zeros

    Raises:
        BudgetError: If ``k`` is not between 1 and the number of experts.

    Example:
        >>> router = NoisyTopKRouter(in_channels=16, num_experts=9, k=2)
        >>> gates = router(x)
        >>> loss = task_loss + 1e-2 * router.balance_loss()
    """

    def __init__(
        self, in_channels: int, num_experts: int, k: int, noise_eps: float = 1e-2
    ) -> None:
        super().__init__()
        if not 1 <= k <= num_experts:
            raise BudgetError(
                f"'k' must be in [1, {num_experts}] (got {k}); there are "
                f"{num_experts} experts, one a criterion and sparsity"
            )
        self.num_experts = num_experts
        self.k = k
        self.noise_eps = noise_eps
        self.weight = nn.Parameter(torch.empty(in_channels, num_experts))
        self.bias = nn.Parameter(torch.empty(num_experts))
        self.noise_weight = nn.Parameter(torch.empty(in_channels, num_experts))
        self.importance: Tensor | None = None
        self.load: Tensor | None = None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start with gates that are nearly even."""
        nn.init.normal_(self.weight, std=INITIAL_STD)
        nn.init.zeros_(self.bias)
        nn.init.zeros_(self.noise_weight)

    def __getstate__(self) -> dict[str, Any]:
        """Without the last pass: copies and files are of the router alone."""
        return {**super().__getstate__(), "importance": None, "load": None}

    def forward(self, x: Tensor) -> Tensor:
        """Gates of all experts."""
        chosen, gate = self.choose(x)
        return gate.new_zeros(x.size(0), self.num_experts).scatter(1, chosen, gate)

    def choose(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The experts of every node and their gates, both :math:`(|V|, k)`."""
        x = x.to(self.weight.dtype)
        clean = x @ self.weight + self.bias
        if not self.training:
            chosen, gate = self._top(clean)
            load = torch.bincount(chosen.flatten(), minlength=self.num_experts)
            self._remember(chosen, gate, load.to(gate.dtype))
            return chosen, gate
        std = F.softplus(x @ self.noise_weight) + self.noise_eps
        noisy = clean + std * torch.randn_like(std)
        chosen, gate = self._top(noisy)
        self._remember(chosen, gate, self._expected_load(clean, noisy, std))
        return chosen, gate

    def balance_loss(self, importance: float = 1.0, load: float = 1.0) -> Tensor:
        r"""How unevenly the experts were used in the last forward pass.

        .. math::
            \lambda_1 \, \mathrm{CV}^2(\mathrm{importance})
                + \lambda_2 \, \mathrm{CV}^2(\mathrm{load})

        Args:
            importance (float, optional): :math:`\lambda_1`. (default: :obj:`1.0`)
            load (float, optional): :math:`\lambda_2`. (default: :obj:`1.0`)

        Returns:
            Tensor: A scalar; zero before the first pass.
        """
        if self.importance is None or self.load is None:
            return self.weight.new_zeros(())
        uneven = importance * _squared_variation(self.importance)
        return uneven + load * _squared_variation(self.load)

    def _top(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        best = logits.topk(self.k, dim=1)
        return best.indices, best.values.softmax(dim=1)

    def _remember(self, chosen: Tensor, gate: Tensor, load: Tensor) -> None:
        zeros = gate.new_zeros(self.num_experts)
        self.importance = zeros.index_add(0, chosen.flatten(), gate.flatten())
        self.load = load

    def _expected_load(self, clean: Tensor, noisy: Tensor, std: Tensor) -> Tensor:
        if self.k == self.num_experts:  # whatever the noise
            return clean.new_full((self.num_experts,), float(clean.size(0)))
        best = noisy.topk(self.k + 1, dim=1).values
        entry, runner_up = best[:, self.k - 1 : self.k], best[:, self.k :]
        # What an expert has to beat: the k-th best among the others.
        rival = torch.where(noisy >= entry, runner_up, entry)
        chance = torch.erfc((rival - clean) / (std * math.sqrt(2.0))) / 2.0
        return chance.sum(dim=0)


def _squared_variation(amount: Tensor) -> Tensor:
    mean = amount.mean()
    # Of no nodes at all, nothing is uneven.
    return amount.var(correction=0) / mean.square().clamp_min(1e-10)
