"""How much each node listens to each of its neighbours, from features alone."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import degree, scatter, softmax

from graphllm.errors import UnknownNameError

#: Which weights a network listens by where no language model was asked.
InferenceNeighbors = Literal["uniform", "encoder"]

_KINDS = ("uniform", "encoder")
# Numbers of a gathered feature matrix at a time: half a gigabyte in float32.
_CHUNK = 2**27


def neighbor_similarity(
    edge_index: Tensor, x: Tensor, x_llm: Tensor, llm_index: Tensor
) -> Tensor:
    r"""Cosine of each enhanced query with each of its neighbours.

    .. math::
        s_{ji} = \cos(\mathbf{x}^{+}_i, \mathbf{x}_j) \quad \text{for } i \in S

    Args:
        edge_index (Tensor): :math:`(2, |E|)`, messages flow from row 0 to row 1.
        x (Tensor): Plain features, :math:`(|V|, F)`.
        x_llm (Tensor): Enhanced features, :math:`(b, F)`.
        llm_index (Tensor): Their nodes, :math:`(b)`.

    Returns:
        Tensor: :math:`(|E|)`; NaN for edges into nodes outside :math:`S`.
    """
    row_of = torch.full((x.size(0),), -1, device=x.device)
    row_of[llm_index] = torch.arange(llm_index.numel(), device=x.device)
    source, target = edge_index
    into_query = (row_of[target] >= 0).nonzero().view(-1)
    score = x.new_full((source.numel(),), float("nan"))
    query = x_llm.to(x.dtype)
    for edges in into_query.split(max(1, _CHUNK // max(1, x.size(1)))):
        score[edges] = F.cosine_similarity(
            query[row_of[target[edges]]], x[source[edges]], dim=-1
        )
    return score


def neighbor_weights(
    edge_index: Tensor,
    x: Tensor,
    x_llm: Tensor,
    llm_index: Tensor,
    temperature: float = 0.2,
) -> Tensor:
    r"""Edge weights that let enhanced nodes prefer similar neighbours.

    Stage (a) of E-LLaGNN, high-quality neighbourhoods chosen with the LLM, read as
    similarity of the *enhanced* query with its neighbours:

    .. math::
        w_{ji} = |N(i)| \; \mathrm{softmax}_{j \in N(i)}
                 \left( \cos(\mathbf{x}^{+}_i, \mathbf{x}_j) / \tau \right)
        \quad (i \in S), \qquad w_{ji} = 1 \quad (i \notin S)

    The weights of a neighbourhood have mean one, so degrees keep their meaning. No
    edge is removed: removal can delete informative edges between classes.

    Args:
        edge_index (Tensor): :math:`(2, |E|)`, messages flow from row 0 to row 1.
        x (Tensor): Plain features, :math:`(|V|, F)`.
        x_llm (Tensor): Enhanced features, :math:`(b, F)`.
        llm_index (Tensor): Their nodes, :math:`(b)`.
        temperature (float, optional): :math:`\tau`; small values sharpen.
            (default: :obj:`0.2`)

    Returns:
        Tensor: Positive weights, :math:`(|E|)`.
    """
    score = neighbor_similarity(edge_index, x, x_llm, llm_index)
    known = ~score.isnan()
    weight = torch.ones_like(score)
    target = edge_index[1, known]
    share = softmax(score[known] / temperature, target, num_nodes=x.size(0))
    weight[known] = share * degree(target, x.size(0), dtype=x.dtype)[target]
    return weight


def inference_weights(
    data: Data, x: Tensor, kind: InferenceNeighbors, temperature: float = 0.2
) -> Tensor | None:
    r"""Edge weights that need no language model, for every node.

    The counterpart of :func:`neighbor_weights` where nobody was asked: with
    ``"encoder"`` the same formula and the node's own plain features as the query,

    .. math::
        w_{ji} = |N(i)| \; \mathrm{softmax}_{j \in N(i)}
                 \left( \cos(\mathbf{x}_i, \mathbf{x}_j) / \tau \right)
        \quad (i \in V).

    Args:
        data (Data): The graph; its ``edge_index`` is read.
        x (Tensor): Plain features, :math:`(|V|, F)`.
        kind (str): ``"encoder"``, or ``"uniform"`` for no weights.
        temperature (float, optional): :math:`\tau`. (default: :obj:`0.2`)

    Returns:
        Tensor or None: Positive weights, :math:`(|E|)`, mean one in every
        neighbourhood; ``None`` for ``"uniform"``.

    Raises:
        UnknownNameError: If there is no such kind.
    """
    check_inference_neighbors(kind)
    if kind == "uniform":
        return None
    everyone = torch.arange(x.size(0), device=x.device)
    return neighbor_weights(data.edge_index, x, x, everyone, temperature)


def keep_edges(
    edge_index: Tensor, edge_weight: Tensor, keep: int | float = 0.5
) -> Tensor:
    """Hard version of the weights, for networks that take none.

    Keeps, of the edges into each node, those whose weight is at least that of the
    node's ``keep``-th best; a node with uniform weights keeps all.

    Args:
        edge_index (Tensor): :math:`(2, |E|)`.
        edge_weight (Tensor): :math:`(|E|)`.
        keep (int or float, optional): Edges into each node, as a count (int) or as a
            share of its neighbourhood, rounded up (float in (0, 1]).
            (default: :obj:`0.5`)

    Returns:
        Tensor: Boolean mask over the edges, :math:`(|E|)`.

    Raises:
        ValueError: If ``keep`` would keep no edge at all.
    """
    check_keep(keep)
    target = edge_index[1]
    num_nodes = int(target.max()) + 1 if target.numel() else 0
    rank = rank_edges(target, edge_weight, num_nodes)
    counts = torch.bincount(target, minlength=num_nodes)
    if isinstance(keep, float):
        quota = torch.ceil(keep * counts).long()
    else:
        quota = counts.clamp(max=keep)
    at_quota = torch.where(rank == quota[target] - 1, edge_weight, -torch.inf)
    bar = scatter(at_quota, target, dim_size=num_nodes, reduce="max")
    return edge_weight >= bar[target]


def rank_edges(target: Tensor, value: Tensor, num_nodes: int) -> Tensor:
    """Place of each edge among those into the same node, from 0 for the highest."""
    order = torch.argsort(value, descending=True, stable=True)
    order = order[torch.argsort(target[order], stable=True)]
    counts = torch.bincount(target, minlength=num_nodes)
    first = torch.cumsum(counts, 0) - counts
    rank = torch.empty_like(target)
    rank[order] = torch.arange(target.numel(), device=target.device)
    return rank - first[target]


def check_inference_neighbors(kind: str) -> None:
    """Refuse unknown kinds of LLM-free neighbourhoods."""
    if kind not in _KINDS:
        raise UnknownNameError("kind of inference_neighbors", kind, _KINDS)


def check_keep(keep: int | float) -> None:
    """Refuse a count below one and a share outside (0, 1]."""
    share = isinstance(keep, float)
    if not (0 < keep <= 1 if share else keep >= 1):
        raise ValueError(
            f"'keep' must be a count of at least 1 or a share in (0, 1] (got {keep})"
        )


def check_temperature(temperature: float) -> None:
    """Refuse temperatures that are not positive."""
    if not temperature > 0:
        raise ValueError(f"'temperature' must be positive (got {temperature})")
