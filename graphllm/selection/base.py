"""Which nodes deserve a language model: scores, budgets and pools."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import k_hop_subgraph

from graphllm.errors import BudgetError, TextGraphError, UnknownNameError

Pool = Literal["train", "train+neighbors", "all"]


@dataclass(frozen=True)
class SelectionContext:
    """What a selector may know besides the graph.

    Args:
        features (Tensor, optional): Plain encoder features, :math:`(|V|, F)`.
        num_classes (int, optional): Number of classes.
        seed (int): Seed of whatever is random, ties included.
    """

    features: Tensor | None = None
    num_classes: int | None = None
    seed: int = 0


class Selector(ABC):
    """Scores nodes; the base class turns scores into a sorted set of node ids.

    Sets are nested: with the same graph, context and pool, the nodes of a smaller
    budget lie in those of a larger one, so a larger budget re-uses every answer.
    Ties are broken by node id.
    """

    @abstractmethod
    def score(self, data: Data, context: SelectionContext) -> Tensor:
        """Score every node, higher is chosen first.

        Args:
            data (Data): The graph. Labels outside the training mask must not be
                read.
            context (SelectionContext): Features, number of classes, seed.

        Returns:
            Tensor: Scores of shape :math:`(|V|)`, floating, free of NaN.
        """

    def __call__(
        self,
        data: Data,
        budget: int | float,
        context: SelectionContext | None = None,
        pool: Pool = "train+neighbors",
        num_hops: int = 2,
    ) -> Tensor:
        """Choose nodes.

        Args:
            data (Data): The graph.
            budget (int or float): A float in (0, 1] is a share of the candidates,
                rounded to the nearest count and at least one; an int is a count.
            context (SelectionContext, optional): See :class:`SelectionContext`.
            pool (str, optional): ``"train"``: labelled training nodes;
                ``"train+neighbors"``: and everything within ``num_hops`` of them,
                the nodes that can influence the loss; ``"all"``.
                (default: :obj:`"train+neighbors"`)
            num_hops (int, optional): Depth of the receptive field.
                (default: :obj:`2`)

        Returns:
            Tensor: Node ids, ascending, of shape :math:`(b)`.

        Raises:
            BudgetError: If the budget is zero, negative, above one (float) or
                above the number of candidates (int).
        """
        candidates = candidate_nodes(data, pool, num_hops)
        count = resolve_budget(budget, candidates.numel())
        score = self.score(data, context or SelectionContext()).cpu()
        # A stable sort keeps ascending ids among equal scores.
        order = torch.argsort(score[candidates], descending=True, stable=True)
        return candidates[order[:count]].sort().values


def resolve_budget(budget: int | float, num_candidates: int) -> int:
    """Number of nodes that a budget stands for.

    Args:
        budget (int or float): Share (float in (0, 1]) or count (int).
        num_candidates (int): Size of the candidate pool.

    Returns:
        int: Between 1 and ``num_candidates``.

    Raises:
        BudgetError: If the budget is out of range or the pool is empty.
    """
    if num_candidates == 0:
        raise BudgetError("the candidate pool is empty; use another pool or split")
    if isinstance(budget, bool) or not isinstance(budget, int | float):
        raise BudgetError(f"'budget' must be an int or a float (got {budget!r})")
    if isinstance(budget, int):
        if not 1 <= budget <= num_candidates:
            raise BudgetError(
                f"'budget' must be in [1, {num_candidates}] as a count (got {budget}); "
                f"the pool has {num_candidates} candidate nodes"
            )
        return budget
    if not 0.0 < budget <= 1.0:
        raise BudgetError(
            f"'budget' must be in (0, 1] as a share (got {budget:g}); "
            "write a whole number without a dot for a count of nodes"
        )
    return max(1, round(budget * num_candidates))


def parse_budget(text: str) -> int | float:
    """Read a budget as typed: ``"0.05"`` is a share, ``"135"`` a count.

    Raises:
        BudgetError: If the text is no number.
    """
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        raise BudgetError(
            f"'{text}' is not a budget; give a share such as 0.05 or a count such as 100"
        ) from None


def candidate_nodes(data: Data, pool: Pool, num_hops: int = 2) -> Tensor:
    """Ids of the nodes that may be chosen, ascending.

    Args:
        data (Data): The graph; the train pools need ``train_mask``.
        pool (str): See :meth:`Selector.__call__`.
        num_hops (int, optional): Depth of ``"train+neighbors"``.

    Returns:
        Tensor: Shape :math:`(c)`.

    Raises:
        UnknownNameError: If there is no such pool.
        TextGraphError: If the pool needs a missing ``train_mask``.
    """
    if pool not in get_args(Pool):
        raise UnknownNameError("pool", pool, get_args(Pool))
    if pool == "all":
        return torch.arange(data.num_nodes)
    mask = getattr(data, "train_mask", None)
    if mask is None:
        raise TextGraphError(
            f"pool '{pool}' needs 'data.train_mask'; apply a split first or use 'all'"
        )
    nodes = mask.nonzero().view(-1)
    if pool == "train":
        return nodes.cpu()
    # flow source_to_target walks edges backwards: the nodes that send messages.
    subset, *_ = k_hop_subgraph(
        nodes, num_hops, data.edge_index, num_nodes=data.num_nodes
    )
    return subset.sort().values.cpu()
