"""The control of every other selector."""

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.seed import generator
from graphllm.selection.base import SelectionContext, Selector


class RandomSelector(Selector):
    r"""Selects nodes uniformly at random, without replacement.

    Every node draws :math:`s_i \sim \mathcal{U}(0, 1)` from the seed of the context,
    so that a larger budget keeps the nodes of a smaller one. The draw depends on
    node ids and on nothing else: a selector that does no better than this one has
    learned nothing from the graph or its text.

    Shapes:
        - **output:** scores :math:`(|\mathcal{V}|)`
    """

    def score(self, data: Data, context: SelectionContext) -> Tensor:
        """One uniform number a node, from ``context.seed``."""
        return torch.rand(
            data.num_nodes, generator=generator(context.seed), dtype=torch.double
        )
