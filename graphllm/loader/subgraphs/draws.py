"""Independent draws by weight."""

import torch
from torch import Tensor


class WeightedDraws:
    r"""Draws items with replacement by weight, :math:`q_i = w_i / \sum_j w_j`.

    Running sums and a search in place of :func:`torch.multinomial`, which stops at
    :math:`2^{24}` items.

    Args:
        weight (Tensor): :math:`(n)` ``float64``, not negative.
    """

    def __init__(self, weight: Tensor) -> None:
        self.sums = weight.cumsum(0)
        self.total = self.sums[-1] if weight.numel() else weight.sum()
        self.probability = weight / self.total.clamp(min=torch.finfo(weight.dtype).tiny)
        self.num_possible = int((weight > 0).sum())

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw items, :math:`(count)` ``int64``; those of weight zero never come.

        Args:
            count (int): How many; there is one with weight.
            generator (torch.Generator): Source of the draws.

        Returns:
            Tensor: Items, in the order of the draws.
        """
        ticket = torch.rand(count, dtype=torch.double, generator=generator)
        # The first sum above the ticket, which is below the last one: never an item
        # that adds nothing.
        return torch.searchsorted(self.sums, ticket * self.total, right=True)

    def sample(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        r"""Draw distinct items and the factors that make sums over them unbiased.

        .. math::
            \mathbb{E} \Bigl[ \sum_{i \in \mathcal{S}} f_i z_i \Bigr] = \sum_i z_i,
            \qquad f_i = \frac{n_i}{s \, q_i}

        for any :math:`z` that is zero where :math:`w` is, with :math:`n_i` how often
        :math:`i` came in :math:`s` draws. If :math:`s` is not below the number of items
        with weight, all of these come, with factor one.

        Args:
            count (int): Draws :math:`s`.
            generator (torch.Generator): Source of the draws.

        Returns:
            tuple[Tensor, Tensor]: Items, ascending, and their factors, ``float64``.
        """
        if count >= self.num_possible:
            items = self.probability.nonzero().view(-1)
            return items, torch.ones(items.numel(), dtype=torch.double)
        items, times = self.draw(count, generator).unique(return_counts=True)
        return items, times / (count * self.probability[items])
