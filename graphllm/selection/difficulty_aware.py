"""Any selector, with nodes that a language model finds easy put forward."""

from torch import Tensor
from torch_geometric.data import Data

from graphllm.errors import GraphLLMError
from graphllm.selection.base import SelectionContext, Selector
from graphllm.selection.combine import CombineSelector
from graphllm.selection.density import DensitySelector


class DifficultyAwareSelector(Selector):
    r"""Selects nodes that another selector wants and an LLM will get right.

    From `"Label-free Node Classification on Graphs with Large Language Models (LLMs)"
    <https://arxiv.org/abs/2310.04668>`_ (2024), Section 3.2: a language model errs
    less near the centre of a cluster of texts. With percentile ranks :math:`r` and
    the C-density of :class:`~graphllm.selection.DensitySelector`,

    .. math::
        s_i = \alpha \, r(\text{density}_i) + (1 - \alpha) \, r(\text{base}_i)

    The authors' names end in "2" or "DA": their ``pagerank2`` is this with
    :class:`~graphllm.selection.PageRankSelector`.

    .. note::
        The authors' code ranks equal scores by node id; here they share their rank.

    Args:
        base (Selector): The selector to mend.
        alpha (float, optional): Weight of the density, in [0, 1].
            (default: :obj:`0.33`)

    Shapes:
        - **output:** scores :math:`(|\mathcal{V}|)` in (0, 1]

    Raises:
        GraphLLMError: If ``alpha`` is out of range.
    """

    def __init__(self, base: Selector, alpha: float = 0.33) -> None:
        if not 0.0 <= alpha <= 1.0:
            raise GraphLLMError(f"'alpha' must be in [0, 1] (got {alpha})")
        self.base = base
        self.alpha = alpha
        self._mix = CombineSelector([DensitySelector(), base], [alpha, 1.0 - alpha])

    def score(self, data: Data, context: SelectionContext) -> Tensor:
        """Weighted mean of two ranks.

        Raises:
            TextGraphError: If the density needs features or the number of classes
                and lacks them, or the base selector complains.
        """
        return self._mix.score(data, context)
