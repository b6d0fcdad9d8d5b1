"""Neighbours by similarity with the enhanced text; nobody is asked."""

from dataclasses import dataclass

from torch import Tensor
from torch_geometric.data import Data

from graphllm.enhance.answers import Asker, Question
from graphllm.enhance.neighborhoods import Neighborhoods
from graphllm.enhance.neighbors import (
    check_keep,
    check_temperature,
    keep_edges,
    neighbor_weights,
)


@dataclass(frozen=True)
class SimilarityNeighbors:
    r"""Enhanced nodes listen to the neighbours most like their enhanced features.

    Weights as in :func:`~graphllm.enhance.neighbor_weights`. It costs nothing beyond
    the answers that enhance the node.

    Args:
        temperature (float, optional): :math:`\tau`; small values sharpen.
            (default: :obj:`0.2`)
        keep (int or float, optional): Edges into each enhanced node that stay, as a
            count or a share; see :func:`~graphllm.enhance.keep_edges`.
            (default: all)

    Raises:
        ValueError: If ``temperature`` is not positive or ``keep`` leaves no edge.
    """

    temperature: float = 0.2
    keep: int | float | None = None

    asks = False

    def __post_init__(self) -> None:
        check_temperature(self.temperature)
        if self.keep is not None:
            check_keep(self.keep)

    def __call__(
        self,
        data: Data,
        x: Tensor,
        x_llm: Tensor,
        llm_index: Tensor,
        asker: Asker | None = None,
    ) -> Neighborhoods:
        """Weigh the edges; see :class:`~graphllm.enhance.Neighbors`."""
        weight = neighbor_weights(
            data.edge_index, x, x_llm, llm_index, self.temperature
        )
        if self.keep is None:
            return Neighborhoods(weight)
        kept = keep_edges(data.edge_index, weight, self.keep)
        return Neighborhoods(weight, kept)

    def questions(self, data: Data, nodes: Tensor, asker: Asker) -> list[Question]:
        """Nobody is asked."""
        return []
