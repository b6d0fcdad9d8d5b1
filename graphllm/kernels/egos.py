"""Neighbourhoods of many nodes at once: members, edges among them, way back."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from graphllm.kernels.incoming import group_by_target
from graphllm.kernels.row_spans import over_rows
from graphllm.kernels.tree import _first_not_below

Nodes = NDArray[np.int32]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

PAD = -1
# Work on an ego, in the entries by which threads share rows out.
ENTRIES_PER_EGO = 64


class InEdges(NamedTuple):
    """Edges in rows, one row a target; called *slots* in this order.

    Args:
        start (NDArray): :math:`(|V| + 1)` ``int64``; the edges into node ``i`` are in
            the slots ``start[i]:start[i + 1]``.
        source (NDArray): :math:`(|E|)` ``int32``, ascending for each target.
        edge (NDArray): :math:`(|E|)` ``int64``, the column of each slot, ascending
            where an edge is stored more than once.
    """

    start: Ints
    source: Nodes
    edge: Ints


def sort_in_edges(edge_index: Tensor, num_nodes: int) -> InEdges:
    """Sort edges by target, then source, then position.

    Raises:
        TextGraphError: If an edge names a node that does not exist.
    """
    start, source, _ = group_by_target(edge_index, num_nodes)
    row, col = edge_index.cpu().numpy()
    return InEdges(start, source, np.argsort(col << 32 | row, kind="stable"))


def ego_members(
    in_edges: InEdges, score: Floats, nodes: Ints, max_ego: int
) -> tuple[Nodes, Ints]:
    """List each centre and its best in-neighbours, each once.

    A neighbour that several edges come from counts with the best of them. The centre
    itself is no neighbour of its own. Among equals the smaller id is the better one.

    Args:
        in_edges (InEdges): The graph.
        score (NDArray): :math:`(|E|)` ``float64``, of each slot.
        nodes (NDArray): :math:`(B)` ``int64``, the centres.
        max_ego (int): Most members of an ego, the centre included.

    Returns:
        tuple[NDArray, NDArray]: Members :math:`(B, max_ego)` ``int32``, the centre
        first, then by falling score, then -1; and how many they are, :math:`(B)`.
    """
    members = np.full((nodes.size, max_ego), PAD, dtype=np.int32)
    size = np.empty(nodes.size, dtype=np.int64)

    start, source, _ = in_edges

    def collect(low: int, high: int) -> None:
        part = slice(low, high)
        _collect(start, source, score, nodes[part], members[part], size[part])

    over_rows(collect, _shares(nodes.size))
    return members, size


def ego_adjacency(
    in_edges: InEdges, kept: Bools, members: Nodes, experts: Ints
) -> tuple[Floats, Bools]:
    r"""What the experts of a node leave of its induced ego, undirected.

    An edge between the centre and a neighbour is there if the centre, which judges
    its incoming edges, keeps it; an edge between two neighbours if either of them
    keeps it, in whatever direction.

    Args:
        in_edges (InEdges): The graph.
        kept (NDArray): :math:`(|E|, K)` ``bool``, verdicts of all experts, by slot.
        members (NDArray): :math:`(B, n)` ``int32`` from :func:`ego_members`.
        experts (NDArray): :math:`(B, k)` ``int64``, columns of ``kept``; -1 for none.

    Returns:
        tuple[NDArray, NDArray]: Zeros and ones :math:`(B, k, n, n)` ``float64``,
        symmetric, and :math:`(B)` ``bool``, the egos where no expert leaves an edge
        between two neighbours: stars.
    """
    num_egos, width = members.shape
    shape = (num_egos, experts.shape[1], width, width)
    adjacency = np.zeros(shape)
    star = np.ones(num_egos, dtype=np.bool_)

    start, source, _ = in_edges

    def fill(low: int, high: int) -> None:
        part = slice(low, high)
        mine, chosen = members[part], experts[part]
        _fill(start, source, kept, mine, chosen, adjacency[part], star[part])

    over_rows(fill, _shares(num_egos))
    return adjacency, star


def spread_to_slots(
    in_edges: InEdges, nodes: Ints, members: Nodes, weight: Floats, value: Floats
) -> None:
    r"""Put the weights of members on the edges they come by, in place.

    An edge from a node that is no member (the ego was capped) keeps the value
    :math:`v_e` it has, times :math:`\sum w / \sum v` over the other edges of the same
    centre: so much weight does one unit of value have there.

    Args:
        in_edges (InEdges): The graph.
        nodes (NDArray): :math:`(B)` ``int64``, the centres, each once.
        members (NDArray): :math:`(B, n)` ``int32`` from :func:`ego_members`.
        weight (NDArray): :math:`(B, n)` ``float64``, of each member.
        value (NDArray): :math:`(|E|)` ``float64``, not negative, of each slot. Slots
            of other targets and self loops stay as they are.
    """
    start, source, _ = in_edges

    def put(low: int, high: int) -> None:
        part = slice(low, high)
        _spread(start, source, nodes[part], members[part], weight[part], value)

    over_rows(put, _shares(nodes.size))


def _shares(num_egos: int) -> Ints:
    return ENTRIES_PER_EGO * np.arange(num_egos + 1)


@njit(cache=True, nogil=True)
def _collect(
    start: Ints,
    source: Nodes,
    score: Floats,
    nodes: Ints,
    members: Nodes,
    size: Ints,
) -> None:
    room = members.shape[1] - 1
    best = np.empty(room)
    for ego in range(nodes.size):
        node, out = nodes[ego], members[ego]
        out[0] = node
        count = 0
        at, end = start[node], start[node + 1]
        while at < end:
            other, value = source[at], score[at]
            at += 1
            while at < end and source[at] == other:
                value = max(value, score[at])
                at += 1
            if other == node:
                continue
            if count < room:
                place = count
                count += 1
            elif value > best[room - 1]:
                place = room - 1
            else:
                continue
            # Sources ascend, so that an equal one from before stays in front.
            while place > 0 and best[place - 1] < value:
                best[place], out[place + 1] = best[place - 1], out[place]
                place -= 1
            best[place], out[place + 1] = value, other
        size[ego] = count + 1


@njit(cache=True, nogil=True)
def _connect(
    start: Ints,
    source: Nodes,
    kept: Bools,
    members: Nodes,
    experts: Ints,
    tail: int,
    head: int,
    adjacency: Floats,
) -> bool:
    """Enter the edges between two members that point at ``head``, if any is kept."""
    origin, target = members[tail], members[head]
    found = False
    at = _first_not_below(source, start[target], start[target + 1], origin)
    while at < start[target + 1] and source[at] == origin:
        for place in range(experts.size):
            if experts[place] >= 0 and kept[at, experts[place]]:
                adjacency[place, tail, head] = 1.0
                adjacency[place, head, tail] = 1.0
                found = True
        at += 1
    return found


@njit(cache=True, nogil=True)
def _fill(
    start: Ints,
    source: Nodes,
    kept: Bools,
    members: Nodes,
    experts: Ints,
    adjacency: Floats,
    star: Bools,
) -> None:
    for ego in range(len(members)):
        mine, chosen, out = members[ego], experts[ego], adjacency[ego]
        for first in range(1, mine.size):
            if mine[first] < 0:
                break
            _connect(start, source, kept, mine, chosen, first, 0, out)
            for other in range(1, mine.size):
                if mine[other] < 0:
                    break
                if other != first and _connect(
                    start, source, kept, mine, chosen, first, other, out
                ):
                    star[ego] = False


@njit(cache=True, nogil=True)
def _spread(
    start: Ints,
    source: Nodes,
    nodes: Ints,
    members: Nodes,
    weight: Floats,
    value: Floats,
) -> None:
    for ego in range(nodes.size):
        node, mine = nodes[ego], members[ego]
        begin, end = start[node], start[node + 1]
        place = np.zeros(end - begin, dtype=np.int64)
        weights = values = 0.0
        for at in range(begin, end):
            for member in range(1, mine.size):
                if mine[member] == source[at]:
                    place[at - begin] = member
                    weights += weight[ego, member]
                    values += value[at]
                    break
        unit = weights / values if weights > 0.0 and values > 0.0 else 1.0
        for at in range(begin, end):
            if place[at - begin] > 0:
                value[at] = weight[ego, place[at - begin]]
            elif source[at] != node:
                value[at] *= unit
