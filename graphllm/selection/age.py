"""Representative, central and uncertain nodes, by the mean of three ranks."""

from torch import Tensor
from torch_geometric.data import Data

from graphllm.selection.base import SelectionContext, Selector
from graphllm.selection.combine import CombineSelector
from graphllm.selection.density import DensitySelector
from graphllm.selection.pagerank import PageRankSelector
from graphllm.selection.uncertainty import UncertaintySelector


class AGESelector(Selector):
    r"""Selects nodes by density, centrality and uncertainty together.

    From `"Active Learning for Graph Embedding" <https://arxiv.org/abs/1705.05085>`_
    (2017). With percentile ranks :math:`r`, the density of :math:`\hat{\mathbf{A}}^2
    \mathbf{X}`, PageRank, and the entropy of ``context.probs``,

    .. math::
        s_i = \frac{\alpha \, r(\text{density}_i) + \beta \, r(\text{pagerank}_i) +
        \gamma \, r(\text{entropy}_i)}{\alpha + \beta + \gamma}

    The last term is there only if the context knows probabilities: before any
    training there is no uncertainty, and no model is trained for it.

    .. note::
        The authors draw the weights anew in each round, from uncertainty late and
        centrality early; LLM-GNN leaves uncertainty out and counts as many clusters
        as the budget. Here the weights are fixed and the clusters are the classes,
        without which sets would not nest.

    Args:
        alpha (float, optional): Weight of the density. (default: :obj:`1.0`)
        beta (float, optional): Weight of PageRank. (default: :obj:`1.0`)
        gamma (float, optional): Weight of the entropy. (default: :obj:`1.0`)
        num_clusters (int, optional): Clusters of the density; :obj:`None` takes the
            number of classes. (default: :obj:`None`)

    Shapes:
        - **output:** scores :math:`(|\mathcal{V}|)` in (0, 1]

    Raises:
        GraphLLMError: If a weight is negative or not finite, ``alpha`` and ``beta``
            are both zero, or ``num_clusters`` is below one.
    """

    def __init__(
        self,
        alpha: float = 1.0,
        beta: float = 1.0,
        gamma: float = 1.0,
        num_clusters: int | None = None,
    ) -> None:
        static: list[Selector] = [
            DensitySelector(num_clusters, space="a2x"),
            PageRankSelector(),
        ]
        self._static = CombineSelector(static, [alpha, beta])
        self._live = CombineSelector(
            [*static, UncertaintySelector()], [alpha, beta, gamma]
        )

    def score(self, data: Data, context: SelectionContext) -> Tensor:
        """Weighted mean of two ranks, or of three.

        Raises:
            TextGraphError: If the density needs features or the number of classes
                and lacks them.
            GraphLLMError: If the context's probabilities are none.
        """
        known = context.probs is not None or context.samples is not None
        return (self._live if known else self._static).score(data, context)
