"""Which neighbours of a node come into question, hubs bounded."""

from typing import NamedTuple

import torch
from torch import Tensor

from graphllm.enhance.neighbors import rank_edges


class Pairs(NamedTuple):
    """Neighbours of some nodes, grouped by node.

    Args:
        source (Tensor): The neighbours, :math:`(p)`.
        target (Tensor): Whose neighbours they are, ascending, :math:`(p)`.
    """

    source: Tensor
    target: Tensor

    def select(self, chosen: Tensor) -> "Pairs":
        """Some of the pairs, by mask or by position."""
        return Pairs(self.source[chosen], self.target[chosen])

    def by_node(self) -> dict[int, list[int]]:
        """The neighbours of each node that has any, in order."""
        listed: dict[int, list[int]] = {}
        pairs = zip(self.source.tolist(), self.target.tolist(), strict=True)
        for source, target in pairs:
            listed.setdefault(target, []).append(source)
        return listed

    def on_edges(self, edge_index: Tensor, value: Tensor, num_nodes: int) -> Tensor:
        """Give every edge the value of its pair.

        Args:
            edge_index (Tensor): :math:`(2, |E|)`; parallel edges are one pair.
            value (Tensor): One number a pair, :math:`(p)`.
            num_nodes (int): Nodes of the graph.

        Returns:
            Tensor: :math:`(|E|)`, NaN where the edge belongs to no pair.
        """
        out = value.new_full((edge_index.size(1),), float("nan"))
        if not self.source.numel():
            return out
        keys, order = torch.sort(self.target * num_nodes + self.source)
        listed = torch.zeros(num_nodes, dtype=torch.bool, device=keys.device)
        listed[self.target] = True
        edges = listed[edge_index[1]].nonzero().view(-1)
        wanted = edge_index[1, edges] * num_nodes + edge_index[0, edges]
        place = torch.searchsorted(keys, wanted).clamp(max=keys.numel() - 1)
        found = keys[place] == wanted
        out[edges[found]] = value[order[place[found]]]
        return out


def draw_candidates(
    edge_index: Tensor,
    nodes: Tensor,
    limit: int | None,
    seed: int,
    num_nodes: int,
    usable: Tensor | None = None,
) -> Pairs:
    """Draw up to ``limit`` distinct neighbours of each node, in random order.

    A neighbour of node ``i`` is the source of an edge into ``i``, what ``i`` listens
    to, other than ``i`` itself. The draw for a node depends on the seed, the node
    and its neighbours alone: not on the rest of the graph, the order of the edges or
    the other nodes asked for, so that a larger budget re-uses every answer of a
    smaller one.

    Args:
        edge_index (Tensor): :math:`(2, |E|)`, messages flow from row 0 to row 1.
        nodes (Tensor): Whose neighbours, :math:`(b)`.
        limit (int, optional): Neighbours a node at most; ``None`` for all.
        seed (int): Seed of the draw.
        num_nodes (int): Nodes of the graph.
        usable (Tensor, optional): :math:`(|V|)` ``bool``, who may be drawn.
            (default: everyone)

    Returns:
        Pairs: On the device of ``edge_index``.
    """
    asked = torch.zeros(num_nodes, dtype=torch.bool, device=edge_index.device)
    asked[nodes.to(edge_index.device)] = True
    source, target = edge_index
    into = asked[target] & (source != target)
    if usable is not None:
        into &= usable.to(edge_index.device)[source]
    keys = torch.unique(target[into] * num_nodes + source[into])
    source, target = keys % num_nodes, keys // num_nodes
    order = torch.argsort(_scramble(source, target, seed), stable=True)
    order = order[torch.argsort(target[order], stable=True)]
    pairs = Pairs(source[order], target[order])
    if limit is None:
        return pairs
    as_listed = torch.zeros_like(pairs.target)
    return pairs.select(rank_edges(pairs.target, as_listed, num_nodes) < limit)


def _scramble(source: Tensor, target: Tensor, seed: int) -> Tensor:
    """A random number a pair, by the mixing function of SplitMix64.

    ``torch.rand`` would need one draw an edge of the whole graph, in a fixed order.
    """
    state = _mix(torch.full_like(source, seed))
    return _mix(_mix(state + target) + source)


def _mix(state: Tensor) -> Tensor:
    # Constants above 2^63 are written as the negative numbers of the same bits;
    # products wrap around. Shifts of negative numbers copy the sign: masked away.
    state = state - 0x61C8864680B583EB
    state = (state ^ ((state >> 30) & (2**34 - 1))) * -0x40A7B892E31B1A47
    state = (state ^ ((state >> 27) & (2**37 - 1))) * -0x6B2FB644ECCEEE15
    return state ^ ((state >> 31) & (2**33 - 1))
