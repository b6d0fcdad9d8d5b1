"""Which neighbours an enhanced node listens to."""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.utils import degree, scatter, softmax


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
    into_query = row_of[target] >= 0
    score = x.new_full((source.numel(),), float("nan"))
    query = x_llm.to(x.dtype)[row_of[target[into_query]]]
    score[into_query] = F.cosine_similarity(query, x[source[into_query]], dim=-1)
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


def keep_edges(edge_index: Tensor, edge_weight: Tensor, share: float = 0.5) -> Tensor:
    """Hard version of the weights, for networks that take none.

    Keeps, of the edges into each node, those whose weight is at least that of the
    node's ``ceil(share * degree)``-th best; a node with uniform weights keeps all.

    Args:
        edge_index (Tensor): :math:`(2, |E|)`.
        edge_weight (Tensor): :math:`(|E|)`.
        share (float, optional): Share of each neighbourhood to keep.
            (default: :obj:`0.5`)

    Returns:
        Tensor: Boolean mask over the edges, :math:`(|E|)`.
    """
    target = edge_index[1]
    num_nodes = int(target.max()) + 1 if target.numel() else 0
    order = torch.argsort(edge_weight, descending=True, stable=True)
    order = order[torch.argsort(target[order], stable=True)]
    counts = torch.bincount(target, minlength=num_nodes)
    first = torch.cumsum(counts, 0) - counts
    rank = torch.empty_like(target)
    rank[order] = torch.arange(target.numel(), device=target.device)
    rank -= first[target]
    quota = torch.ceil(share * counts).long()
    at_quota = torch.where(rank == quota[target] - 1, edge_weight, -torch.inf)
    bar = scatter(at_quota, target, dim_size=num_nodes, reduce="max")
    return edge_weight >= bar[target]
