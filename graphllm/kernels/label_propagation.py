"""Parts of about equal size with few edges between them, by moving labels."""

from heapq import heappop, heappush

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import csr_array

from graphllm.kernels.sample import _below, _mix
from graphllm.kernels.undirected import Ints, Undirected

Floats = NDArray[np.float64]

# A coarser graph pays while it has this share of the nodes, or fewer.
MIN_SHRINKAGE = 0.95


def label_propagation(
    graph: Undirected,
    num_parts: int,
    key: int = 0,
    imbalance: float = 0.1,
    num_sweeps: int = 10,
) -> Ints:
    r"""Partition a graph into parts of bounded size, most edges inside.

    The scheme of `"Partitioning Complex Networks via Size-constrained Clustering"
    <https://arxiv.org/abs/1402.3281>`_ (2014). One sweep goes through the nodes in
    random order; each takes the label that most of the edge weight around it carries,
    among the labels with room for it, and keeps its own if none is better. So

    1. *coarsen*: every node starts with a label of its own, of small room; nodes of a
       label become one node of a smaller graph, again and again while that helps;
    2. *grow*: on the smallest graph, each part starts from one node and takes in, one
       by one, the node that has the largest share of its edges inside, up to
       :math:`N / p`; then the next part starts;
    3. *refine*: back through the larger graphs, with sweeps over the parts.

    No part is empty, and none exceeds :math:`\lceil (1 + \epsilon) N / p \rceil` nodes.
    Time is about linear in the edges.

    .. note::
        The authors hand the smallest graph to another partitioner and go through the
        cycle several times for the best cuts. One cycle and the greedy growth of METIS
        (Karypis and Kumar, "A fast and high quality multilevel scheme for partitioning
        irregular graphs", 1998) have to do here: the parts make batches.

    Args:
        graph (Undirected): The graph.
        num_parts (int): Parts :math:`p`, at least one and at most the nodes.
        key (int, optional): Names the stream of random numbers. (default: :obj:`0`)
        imbalance (float, optional): :math:`\epsilon`. (default: :obj:`0.1`)
        num_sweeps (int, optional): Most sweeps a level. (default: :obj:`10`)

    Returns:
        NDArray: :math:`(N)` ``int64`` in :math:`[0, p)`.
    """
    random = np.uint64(key)
    num_nodes = graph.num_nodes
    limit = int(np.ceil((1.0 + imbalance) * num_nodes / num_parts))
    least = max(1, int((1.0 - imbalance) * num_nodes / num_parts))
    # With merged nodes no larger than the slack of a part, one always has room.
    room = max(1, (limit * num_parts - num_nodes) // num_parts)
    ones = np.ones(graph.indices.size)
    matrix = csr_array((ones, graph.indices, graph.indptr), shape=(num_nodes,) * 2)
    levels = [(matrix, np.ones(num_nodes, dtype=np.int64))]
    merged: list[Ints] = []
    while True:
        matrix, size = levels[-1]
        label = np.arange(size.size)
        _sweeps(*_arrays(matrix), size, label, size.copy(), 0, room, num_sweeps, random)
        names, label = np.unique(label, return_inverse=True)
        if names.size > MIN_SHRINKAGE * size.size or names.size < num_parts:
            break
        merged.append(label)
        levels.append(_contract(matrix, size, label, names.size))
    matrix, size = levels.pop()
    part = _grow(*_arrays(matrix), size, num_parts, random)
    while True:
        load = np.bincount(part, size, num_parts).astype(np.int64)
        _sweeps(*_arrays(matrix), size, part, load, least, limit, num_sweeps, random)
        if not merged:
            return part
        part = part[merged.pop()]
        matrix, size = levels.pop()


def _arrays(matrix: csr_array) -> tuple[Ints, Ints, Floats]:
    return matrix.indptr.astype(np.int64), matrix.indices, matrix.data


def _contract(
    matrix: csr_array, size: Ints, label: Ints, count: int
) -> tuple[csr_array, Ints]:
    """The graph of the labels: weights between them, nodes in each."""
    ones = np.ones(label.size)
    member = csr_array((ones, (label, np.arange(label.size))), (count, label.size))
    smaller = csr_array(member @ matrix @ member.T)
    smaller.setdiag(0.0)
    smaller.eliminate_zeros()
    return smaller, np.bincount(label, size, count).astype(np.int64)


@njit(cache=True, nogil=True)
def _shuffled(count: int, key: np.uint64) -> Ints:
    order = np.arange(count)
    state = _mix(key)
    for last in range(count - 1, 0, -1):
        other, state = _below(state, last + 1)
        order[last], order[other] = order[other], order[last]
    return order


@njit(cache=True, nogil=True)
def _sweeps(
    indptr: Ints,
    indices: Ints,
    weight: Floats,
    size: Ints,
    label: Ints,
    load: Ints,
    least: int,
    limit: int,
    num_sweeps: int,
    key: np.uint64,
) -> None:
    """Move nodes to the label of most weight around them; changes label and load."""
    order = _shuffled(size.size, key)
    toward = np.zeros(load.size)
    seen = np.empty(size.size, np.int64)
    for _ in range(num_sweeps):
        moves = 0
        for node in order:
            num_seen = 0
            for slot in range(indptr[node], indptr[node + 1]):
                other = label[indices[slot]]
                if toward[other] == 0.0:
                    seen[num_seen] = other
                    num_seen += 1
                toward[other] += weight[slot]
            own = label[node]
            best, most = own, toward[own]
            may_go = load[own] - size[node] >= least
            for place in range(num_seen):
                other = seen[place]
                has_room = load[other] + size[node] <= limit
                if may_go and has_room and toward[other] > most:
                    best, most = other, toward[other]
                toward[other] = 0.0
            if best != own:
                load[own] -= size[node]
                load[best] += size[node]
                label[node] = best
                moves += 1
        if moves == 0:
            break


@njit(cache=True, nogil=True)
def _breadth_first(indptr: Ints, indices: Ints, key: np.uint64) -> Ints:
    """All nodes, each after the one that reached it; starts are random."""
    starts = _shuffled(indptr.size - 1, key)
    reached = np.zeros(starts.size, np.bool_)
    order = np.empty(starts.size, np.int64)
    end = 0
    done = 0
    for start in starts:
        if reached[start]:
            continue
        order[end] = start
        reached[start] = True
        end += 1
        while done < end:
            node = order[done]
            done += 1
            for slot in range(indptr[node], indptr[node + 1]):
                if not reached[indices[slot]]:
                    reached[indices[slot]] = True
                    order[end] = indices[slot]
                    end += 1
    return order


@njit(cache=True, nogil=True)
def _grow(
    indptr: Ints,
    indices: Ints,
    weight: Floats,
    size: Ints,
    num_parts: int,
    key: np.uint64,
) -> Ints:
    """Grow one part after the other to its even share of the nodes."""
    even = size.sum() / num_parts
    around = np.zeros(size.size)
    for node in range(size.size):
        around[node] = weight[indptr[node] : indptr[node + 1]].sum()
    part = np.full(size.size, -1, np.int64)
    load = np.zeros(num_parts, np.int64)
    inside = np.zeros(size.size)
    last = np.full(size.size, -1, np.int64)
    grown = 0
    order = _breadth_first(indptr, indices, key)
    for start in order:
        if part[start] >= 0:
            continue
        if load[grown] + size[start] > even:
            grown += 1
            if grown == num_parts:
                break
        heap = [(-1.0, start)]
        while len(heap) > 0:
            node = heappop(heap)[1]
            if part[node] >= 0 or load[grown] + size[node] > even:
                continue
            part[node] = grown
            load[grown] += size[node]
            for slot in range(indptr[node], indptr[node + 1]):
                other = indices[slot]
                if part[other] >= 0:
                    continue
                if last[other] != grown:
                    last[other] = grown
                    inside[other] = 0.0
                inside[other] += weight[slot]
                heappush(heap, (-inside[other] / around[other], other))
    _fill(size, order, part, load)
    return part


@njit(cache=True, nogil=True)
def _fill(size: Ints, order: Ints, part: Ints, load: Ints) -> None:
    """Put each node without a part into the emptiest one."""
    emptiest = level = 0
    for node in order:
        if part[node] >= 0:
            continue
        # Loads only grow: parts that were fuller than the level stay so.
        while load[emptiest] > level:
            emptiest += 1
            if emptiest == load.size:
                emptiest, level = 0, level + 1
        part[node] = emptiest
        load[emptiest] += size[node]
