"""Nodes by their number of edges."""

from typing import Literal, get_args

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.errors import UnknownNameError
from graphllm.seed import generator
from graphllm.selection.base import SelectionContext, Selector

Order = Literal["high", "low", "distribution"]
NUM_STRATA = 10


class DegreeSelector(Selector):
    r"""Selects nodes by their degree.

    The degree of a node is the number of entries of ``edge_index`` that start at it
    plus the number that end at it. An undirected graph stores each edge in both
    directions, which doubles all degrees and changes no order; a self loop counts
    twice, a duplicated edge as often as it is stored.

    * ``"high"``: hubs first, whose text reaches many others.
    * ``"low"``: the periphery first, which hears little from others.
    * ``"distribution"``: a stratified draw. Nodes are cut into ten strata of equal
      size at the deciles of the degree. Within its stratum :math:`\mathcal{S}` a node
      has a random position :math:`k_i = 0, 1, \dots`, the strata themselves have a
      random order :math:`t_{\mathcal{S}} = 0, \dots, 9`, and

      .. math::
          s_i = 1 - \frac{k_i + t_{\mathcal{S}} / 10}{|\mathcal{S}|}

      which takes one node of each stratum in turn. A budget :math:`b` over all nodes
      is the share :math:`b / N` of every stratum, up to one node: the chosen nodes
      have the degrees of the graph. In a smaller pool this holds on average.

    Args:
        order (str, optional): ``"high"``, ``"low"`` or ``"distribution"``.
            (default: :obj:`"high"`)

    Shapes:
        - **output:** scores :math:`(|\mathcal{V}|)`

    Raises:
        UnknownNameError: If there is no such order.
    """

    def __init__(self, order: Order = "high") -> None:
        if order not in get_args(Order):
            raise UnknownNameError("degree order", order, get_args(Order))
        self.order = order

    def score(self, data: Data, context: SelectionContext) -> Tensor:
        """The degree, its negative, or the stratified draw."""
        degree = torch.bincount(data.edge_index.flatten(), minlength=data.num_nodes)
        if self.order == "high":
            return degree.double()
        if self.order == "low":
            return -degree.double()
        return _stratified(degree.cpu(), context.seed)


def _stratified(degree: Tensor, seed: int) -> Tensor:
    num_nodes = degree.numel()
    rng = generator(seed)
    by_degree = torch.argsort(degree, stable=True)
    rank = torch.empty_like(by_degree)
    rank[by_degree] = torch.arange(num_nodes)
    stratum = rank * NUM_STRATA // num_nodes
    shuffled = torch.randperm(num_nodes, generator=rng)
    grouped = shuffled[torch.argsort(stratum[shuffled], stable=True)]
    size = torch.bincount(stratum, minlength=NUM_STRATA)
    start = size.cumsum(0) - size
    position = torch.empty_like(grouped)
    position[grouped] = torch.arange(num_nodes)
    position -= start[stratum]
    turn = torch.randperm(NUM_STRATA, generator=rng).double() / NUM_STRATA
    return 1.0 - (position + turn[stratum]) / size[stratum]
