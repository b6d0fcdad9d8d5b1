"""Scores of edges that are computed once and travel with the graph."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform

from graphllm.errors import TextGraphError
from graphllm.sparsify.criteria.base import Criterion


class AddEdgePriors(BaseTransform):
    r"""Writes the scores of some criteria to the edges of a graph.

    Adds ``edge_prior``, :math:`(E, C)` ``float32``: one column a criterion, brought to
    mean 0 and standard deviation 1 over the edges of the graph, see
    :func:`edge_priors`. Loaders of PyG slice whatever has ``edge`` in its name with the
    edges, so that mini-batches carry the scores of the whole graph.

    Example::

        data = AddEdgePriors([degree, jaccard, effective_resistance])(data)

    Args:
        criteria (Sequence[Criterion]): One or more, for example
            :func:`~graphllm.sparsify.criteria.degree`.

    Raises:
        TextGraphError: When called, if the graph has no ``edge_index``, or as
            :func:`edge_priors`.
    """

    def __init__(self, criteria: Sequence[Criterion]) -> None:
        self.criteria = tuple(criteria)

    def forward(self, data: Data) -> Data:
        """Add the scores; the transform copies the graph first."""
        if data.edge_index is None or data.num_nodes is None:
            raise TextGraphError(
                "edges are scored by 'edge_index', but the graph has none; give it one"
            )
        data.edge_prior = edge_priors(
            data.edge_index, data.num_nodes, data.x, self.criteria
        )
        return data

    def __repr__(self) -> str:
        names = ", ".join(_name(criterion) for criterion in self.criteria)
        return f"{type(self).__name__}([{names}])"


def edge_priors(
    edge_index: Tensor,
    num_nodes: int,
    x: Tensor | None,
    criteria: Sequence[Criterion],
) -> Tensor:
    r"""Score edges by each criterion, on one scale.

    .. math::
        p_{ec} = \frac{s_{ec} - \mu_c}{\sigma_c}, \qquad
        \mu_c = \frac{1}{E} \sum_e s_{ec}, \quad
        \sigma_c^2 = \frac{1}{E} \sum_e (s_{ec} - \mu_c)^2

    A criterion that scores all edges alike gives 0 everywhere.

    Args:
        edge_index (Tensor): :math:`(2, E)`.
        num_nodes (int): Number of nodes.
        x (Tensor, optional): :math:`(N, F)`, for the criteria that read it.
        criteria (Sequence[Criterion]): The criteria.

    Returns:
        Tensor: :math:`(E, C)` ``float32``, on the device of ``edge_index``.

    Raises:
        TextGraphError: If a criterion does not give one finite number an edge.
    """
    num_edges = edge_index.size(1)
    prior = torch.empty(num_edges, len(criteria), device=edge_index.device)
    for column, criterion in enumerate(criteria):
        score = criterion(edge_index, num_nodes, x)
        if score.shape != (num_edges,) or not bool(score.isfinite().all()):
            raise TextGraphError(
                f"criterion '{_name(criterion)}' must give {num_edges} finite numbers, "
                f"one an edge (got shape {tuple(score.shape)}); mend or leave it out"
            )
        prior[:, column] = _standardized(score)
    return prior


def _standardized(score: Tensor) -> Tensor:
    if score.numel() == 0 or bool((score == score[0]).all()):
        return torch.zeros_like(score)
    exact = score.double()
    exact -= exact.mean()
    return exact.div_(exact.square().mean().sqrt_()).to(score.dtype)


def _name(criterion: Criterion) -> str:
    inner = getattr(criterion, "func", criterion)
    return getattr(inner, "__name__", type(inner).__name__)
