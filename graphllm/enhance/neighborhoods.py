"""What every way to choose high-quality neighbourhoods has in common."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import scatter

from graphllm.enhance.answers import Answer, Asker, Question


@dataclass(frozen=True)
class Neighborhoods:
    """Which neighbours the enhanced nodes listen to.

    Args:
        edge_weight (Tensor): Positive, :math:`(|E|)`, mean one over the edges into
            each node; one for edges into nodes that are not enhanced.
        keep_edge (Tensor, optional): ``bool``, :math:`(|E|)`, for networks that take
            no weights; true for edges into nodes that are not enhanced. ``None``
            where all are kept.
        answers (list[Answer]): What a language model said about it.
    """

    edge_weight: Tensor
    keep_edge: Tensor | None = None
    answers: list[Answer] = field(default_factory=list)


class Neighbors(Protocol):
    """Stage (a) of E-LLaGNN: which neighbours an enhanced node listens to.

    The edges into node :math:`i` are what :math:`i` listens to; the two directions
    of a link are judged apart. ``edge_index`` itself is never changed.
    """

    @property
    def asks(self) -> bool:
        """Whether a model is asked, beyond the prompts that enhance the nodes."""
        ...

    def __call__(
        self,
        data: Data,
        x: Tensor,
        x_llm: Tensor,
        llm_index: Tensor,
        asker: Asker | None = None,
    ) -> Neighborhoods:
        """Weigh and choose the edges into the enhanced nodes.

        Args:
            data (Data): A text graph.
            x (Tensor): Plain features, :math:`(|V|, F)`.
            x_llm (Tensor): Enhanced features, :math:`(b, F)`.
            llm_index (Tensor): Their nodes, ascending, :math:`(b)`.
            asker (Asker, optional): Who is asked and how, where somebody is.

        Returns:
            Neighborhoods: Weights, mask and answers.
        """
        ...

    def questions(self, data: Data, nodes: Tensor, asker: Asker) -> Sequence[Question]:
        """What a call would ask about these nodes, at most; asks nothing."""
        ...


def mean_one(edge_index: Tensor, value: Tensor, num_nodes: int) -> Tensor:
    """Scale the values of each neighbourhood to mean one; NaN becomes one.

    Args:
        edge_index (Tensor): :math:`(2, |E|)`.
        value (Tensor): Positive, :math:`(|E|)`; NaN for edges of no opinion.
        num_nodes (int): Nodes of the graph.

    Returns:
        Tensor: Positive weights, :math:`(|E|)`.
    """
    known = ~value.isnan()
    target = edge_index[1, known]
    mean = scatter(value[known], target, dim_size=num_nodes, reduce="mean")
    weight = torch.ones_like(value)
    weight[known] = value[known] / mean[target]
    return weight
