"""Several selectors as one, by the ranks that they give."""

import math
from collections.abc import Sequence

import torch
from scipy.stats import rankdata
from torch import Tensor
from torch_geometric.data import Data

from graphllm.errors import GraphLLMError
from graphllm.selection.base import SelectionContext, Selector


def percentile_rank(score: Tensor) -> Tensor:
    r"""Scores as ranks in (0, 1], whatever their scale.

    .. math::
        r_i = \frac{1}{N} \left( |\{j : s_j < s_i\}| +
        \frac{|\{j : s_j = s_i\}| + 1}{2} \right)

    Equal scores share the mean of their ranks, so that ids decide nothing.

    Args:
        score (Tensor): :math:`(N)`.

    Returns:
        Tensor: :math:`(N)` ``float64`` on the CPU.
    """
    values = score.detach().cpu().numpy()
    return torch.from_numpy(rankdata(values) / max(len(values), 1))


class CombineSelector(Selector):
    r"""Selects nodes that several selectors rank high.

    With :math:`r` the percentile ranks of each selector's scores and the weights
    divided by their sum,

    .. math::
        s_i = \sum_m w_m \, r^{(m)}_i

    Args:
        selectors (Sequence[Selector]): What to combine.
        weights (Sequence[float], optional): One number a selector, not negative;
            :obj:`None` weighs all alike. (default: :obj:`None`)

    Shapes:
        - **output:** scores :math:`(|\mathcal{V}|)` in (0, 1]

    Raises:
        GraphLLMError: If there is no selector, or the weights do not fit.

    Example:
        >>> select = CombineSelector([PageRankSelector(), DensitySelector()], [2, 1])
        >>> select(data, budget=0.05, context=context)
    """

    def __init__(
        self, selectors: Sequence[Selector], weights: Sequence[float] | None = None
    ) -> None:
        weights = [1.0] * len(selectors) if weights is None else list(weights)
        if not selectors or len(weights) != len(selectors):
            raise GraphLLMError(
                f"'weights' must be one number a selector, and at least one (got "
                f"{len(selectors)} selectors and {len(weights)} weights)"
            )
        if not all(0.0 <= w < math.inf for w in weights) or not any(weights):
            raise GraphLLMError(
                f"'weights' must be >= 0, finite and not all zero (got {weights})"
            )
        self.selectors = list(selectors)
        self.weights = [weight / sum(weights) for weight in weights]

    def score(self, data: Data, context: SelectionContext) -> Tensor:
        """Weighted mean of the ranks; a selector of weight zero is not asked."""
        total = torch.zeros(data.num_nodes, dtype=torch.double)
        for selector, weight in zip(self.selectors, self.weights, strict=True):
            if weight > 0.0:
                total += weight * percentile_rank(selector.score(data, context))
        return total
