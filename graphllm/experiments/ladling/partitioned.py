"""A graph in parts, for soups that are learned on a few of them at a time."""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import subgraph

from graphllm.loader.subgraphs.partition import partition
from graphllm.soup.mixture import Network


class ValidationParts:
    """Parts of a graph with few edges between them, each with validation nodes.

    Parts without a validation node, which say nothing of a soup, are left out.

    Args:
        data (Data): The graph, with ``val_mask``.
        num_parts (int, optional): Parts, at most the nodes. (default: :obj:`32`, as
            the authors of partition learned soups take them)
        seed (int, optional): Of the partition. (default: :obj:`0`)
    """

    def __init__(self, data: Data, num_parts: int = 32, seed: int = 0) -> None:
        self.data = data
        size = int(data.num_nodes or 0)
        part = partition(data.edge_index, size, min(num_parts, size), seed)
        part = part.to(data.x.device)
        held = part[data.val_mask].unique()
        self.number = held.numel()
        # Places among the parts that are left; all others share the last one.
        self.place = torch.full((int(part.max()) + 1,), self.number).to(part)
        self.place[held] = torch.arange(self.number).to(part)
        self.place = self.place[part]

    def loss(self, network: Network, drawn: Tensor) -> Tensor:
        """Cross-entropy on the validation nodes of some parts, run alone.

        Args:
            network (Callable): Called like a GNN.
            drawn (Tensor): Numbers of parts; the edges between them are kept.
        """
        data = self.data
        nodes = torch.isin(self.place, drawn.to(self.place)).nonzero().view(-1)
        edge_index, _ = subgraph(
            nodes, data.edge_index, relabel_nodes=True, num_nodes=data.num_nodes
        )
        mask = data.val_mask[nodes]
        out = network(data.x[nodes], edge_index)
        return F.cross_entropy(out[mask], data.y[nodes][mask])
