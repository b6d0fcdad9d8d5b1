"""Which nodes deserve a language model: scores, budgets and pools."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.errors import (
    BudgetError,
    GraphLLMError,
    TextGraphError,
    UnknownNameError,
)

Pool = Literal["train", "train+neighbors", "all"]


@dataclass(frozen=True)
class SelectionContext:
    """What a selector may know besides the graph.

    Args:
        features (Tensor, optional): Plain encoder features, :math:`(|V|, F)`.
        num_classes (int, optional): Number of classes.
        seed (int): Seed of whatever is random.
        probs (Tensor, optional): Class probabilities of a live or warm-up model,
            :math:`(|V|, C)`. Selectors that need a model train a small one of their
            own where this is missing.
        samples (Tensor, optional): Class probabilities of :math:`T` passes with
            dropout, :math:`(T, |V|, C)`.
    """

    features: Tensor | None = None
    num_classes: int | None = None
    seed: int = 0
    probs: Tensor | None = None
    samples: Tensor | None = None


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
            TextGraphError: If the graph lacks its edges, or the mask of the pool.
            GraphLLMError: If the scores are not one finite number a node.
        """
        candidates = candidate_nodes(data, pool, num_hops)
        count = resolve_budget(budget, candidates.numel())
        score = self.score(data, context or SelectionContext()).detach().cpu()
        _check_score(score, data.num_nodes, type(self).__name__)
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
            f"'{text}' is not a budget; give a share such as 0.05 or a count such "
            "as 100"
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
        TextGraphError: If there are no edges to walk or ``train_mask`` is missing.
    """
    if pool not in get_args(Pool):
        raise UnknownNameError("pool", pool, get_args(Pool))
    if data.edge_index is None:
        raise TextGraphError(
            "the graph has no 'edge_index'; use torch.empty(2, 0, dtype=torch.long) "
            "for a graph without edges"
        )
    if pool == "all":
        return torch.arange(data.num_nodes)
    mask = getattr(data, "train_mask", None)
    if mask is None:
        raise TextGraphError(
            f"pool '{pool}' needs 'data.train_mask'; apply a split first or use 'all'"
        )
    if pool == "train+neighbors":
        mask = mask.clone()
        source, target = data.edge_index
        for _ in range(num_hops):
            # Backwards along the edges: the nodes that send messages to those so far.
            mask[source[mask[target]]] = True
    return mask.nonzero().view(-1).cpu()


def _check_score(score: Tensor, num_nodes: int, name: str) -> None:
    # A NaN would sort first and be chosen, silently.
    if score.shape != (num_nodes,):
        raise GraphLLMError(
            f"{name}.score must return shape ({num_nodes},), one number a node "
            f"(got {tuple(score.shape)})"
        )
    wrong = (~torch.isfinite(score)).nonzero().view(-1)
    if wrong.numel() > 0:
        raise GraphLLMError(
            f"{name}.score returned {float(score[wrong[0]])} for node "
            f"{int(wrong[0])} ({wrong.numel()} such nodes); return finite numbers"
        )
