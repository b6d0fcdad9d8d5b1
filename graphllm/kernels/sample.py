"""Multi-hop neighbour sampling on compressed columns, in numba."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

UNIFORM, UNIFORM_REPLACE, WEIGHTED, WEIGHTED_REPLACE = range(4)

# Constants of SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number
# Generators", 2014): the step of the counter and the two multipliers of the mixer.
STEP = np.uint64(0x9E3779B97F4A7C15)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)
LOW_32 = np.uint64(0xFFFFFFFF)
TWO_32 = np.uint64(1 << 32)
UNIT_53 = 2.0**-53


class Neighborhood(NamedTuple):
    """Sampled nodes and edges; ids of nodes are local in ``row`` and ``col``.

    Args:
        node (NDArray): Global ids, the seeds first, then hop by hop.
        row (NDArray): Sources (the neighbours), positions in ``node``.
        col (NDArray): Targets, positions in ``node``.
        edge (NDArray): Position of each edge in the array ``row`` that was sampled.
        nodes_per_hop (list[int]): New nodes, the seeds as hop zero.
        edges_per_hop (list[int]): Edges.
    """

    node: Ints
    row: Ints
    col: Ints
    edge: Ints
    nodes_per_hop: list[int]
    edges_per_hop: list[int]


def sample_neighbors(
    colptr: Ints,
    row: Ints,
    seeds: Ints,
    num_neighbors: Sequence[int],
    weight: Floats | None = None,
    replace: bool = False,
    key: int = 0,
    local: NDArray[np.int32] | None = None,
) -> Neighborhood:
    r"""Draw incoming neighbours of the seeds, of these neighbours, and so on.

    Every node that is reached is expanded once, at the hop that first reached it. Of
    its :math:`d` incoming edges, with :math:`k` to draw at this hop, it takes

    * all, in order, if :math:`k = -1`, or if :math:`k \ge d` without replacement;
    * a uniform subset of size :math:`k` without weights (Floyd's method, or selection
      sampling where :math:`k` is large), exact up to the generator;
    * with weights :math:`w_e`, the :math:`k` edges with the smallest
      :math:`-\log(u_e) / w_e`, which is drawing one after the other with probability
      proportional to :math:`w_e` (Efraimidis and Spirakis, "Weighted random sampling
      with a reservoir", 2006). Edges of weight zero are never drawn;
    * :math:`k` independent draws with replacement, if :math:`d > 0`.

    The random numbers are a function of ``(key, hop, node)``: threads, the order of
    batches and the other seeds of a batch change nothing. The price: with one key, a
    node that several batches reach at the same hop shows them the same neighbours.
    Give each epoch a key of its own.

    Args:
        colptr (NDArray): :math:`(|V| + 1)` ``int64``; the edges into node ``i`` are
            at ``colptr[i]:colptr[i + 1]``.
        row (NDArray): :math:`(|E|)` ``int64``, their sources.
        seeds (NDArray): ``int64`` node ids; one given twice stays twice.
        num_neighbors (Sequence[int]): Edges to draw a node, one entry a hop.
        weight (NDArray, optional): :math:`(|E|)` ``float64``, not negative; with
            ``replace``, their running sums (see :func:`running_sums`).
        replace (bool, optional): Whether an edge may be drawn twice.
            (default: :obj:`False`)
        key (int, optional): Names the stream of random numbers, see
            :func:`stream_key`. (default: :obj:`0`)
        local (NDArray, optional): :math:`(|V|)` ``int32`` filled with ``-1``, as it
            is again afterwards; saves an allocation a call. Not to be shared between
            threads at the same time.

    Returns:
        Neighborhood: The sampled subgraph.
    """
    if local is None:
        local = np.full(colptr.size - 1, -1, dtype=np.int32)
    if weight is None:
        mode = UNIFORM_REPLACE if replace else UNIFORM
        weight = np.empty(0)
    else:
        mode = WEIGHTED_REPLACE if replace else WEIGHTED
    hops = np.array(num_neighbors, dtype=np.int64)
    node, src, dst, edge, nodes, edges = _sample(
        colptr, row, weight, mode, seeds, hops, np.uint64(key), local
    )
    return Neighborhood(node, src, dst, edge, nodes.tolist(), edges.tolist())


def stream_key(*words: int) -> int:
    """One 64-bit key for :func:`sample_neighbors` out of a seed, an epoch, ..."""
    key = 0
    for word in words:
        key = int(_mix(np.uint64(key ^ (word & 0xFFFFFFFFFFFFFFFF))))
    return key


@njit(cache=True, nogil=True)
def running_sums(colptr: Ints, weight: Floats) -> Floats:
    """Running sum of the weights, begun anew for each node, :math:`(|E|)`."""
    out = np.empty_like(weight)
    for node in range(colptr.size - 1):
        total = 0.0
        for at in range(colptr[node], colptr[node + 1]):
            total += weight[at]
            out[at] = total
    return out


@njit(cache=True, nogil=True)
def _mix(value: np.uint64) -> np.uint64:
    """Mixer of SplitMix64, after one step of the counter."""
    value = value + STEP
    value = (value ^ (value >> np.uint64(30))) * MIX_1
    value = (value ^ (value >> np.uint64(27))) * MIX_2
    return value ^ (value >> np.uint64(31))


@njit(cache=True, nogil=True)
def _below(state: np.uint64, bound: int) -> tuple[np.int64, np.uint64]:
    """Uniform integer in [0, bound), bound < 2^32, and the state after the draw.

    Lemire, "Fast random integer generation in an interval" (2019): a multiplication
    in place of a division, and rejection in place of a bias.
    """
    size = np.uint64(bound)
    product = (_mix(state) >> np.uint64(32)) * size
    state += STEP
    if product & LOW_32 < size:
        bar = (TWO_32 - size) % size
        while product & LOW_32 < bar:
            product = (_mix(state) >> np.uint64(32)) * size
            state += STEP
    return np.int64(product >> np.uint64(32)), state


@njit(cache=True, nogil=True)
def _unit(state: np.uint64) -> tuple[float, np.uint64]:
    """Uniform number in (0, 1], and the state after the draw."""
    value = np.float64((_mix(state) >> np.uint64(11)) + np.uint64(1)) * UNIT_53
    return value, state + STEP


@njit(cache=True, nogil=True)
def _floyd(begin: int, degree: int, count: int, state: np.uint64, out: Ints) -> int:
    """Uniform subset for small counts: one draw and one look at the drawn a pick."""
    for picked in range(count):
        last = degree - count + picked
        drawn, state = _below(state, last + 1)
        at = begin + drawn
        for other in range(picked):
            if out[other] == at:
                at = begin + last
                break
        out[picked] = at
    return count


@njit(cache=True, nogil=True)
def _selection(begin: int, degree: int, count: int, state: np.uint64, out: Ints) -> int:
    """Uniform subset for large counts: each edge in turn is taken or left."""
    picked = 0
    for offset in range(degree):
        drawn, state = _below(state, degree - offset)
        if drawn < count - picked:
            out[picked] = begin + offset
            picked += 1
            if picked == count:
                break
    return picked


@njit(cache=True, nogil=True)
def _weighted(
    begin: int, end: int, count: int, weight: Floats, state: np.uint64, out: Ints
) -> int:
    """The ``count`` smallest exponential keys, by insertion into a sorted list."""
    keys = np.empty(count)
    picked = 0
    for at in range(begin, end):
        drawn, state = _unit(state)
        if weight[at] <= 0.0:
            continue
        key = -np.log(drawn) / weight[at]
        if picked < count:
            slot = picked
            picked += 1
        elif key < keys[count - 1]:
            slot = count - 1
        else:
            continue
        while slot > 0 and keys[slot - 1] > key:
            keys[slot], out[slot] = keys[slot - 1], out[slot - 1]
            slot -= 1
        keys[slot], out[slot] = key, at
    return picked


@njit(cache=True, nogil=True)
def _repeated(
    begin: int, end: int, count: int, sums: Floats, state: np.uint64, out: Ints
) -> int:
    """Independent draws, uniform where there are no sums."""
    if sums.size == 0:
        for picked in range(count):
            drawn, state = _below(state, end - begin)
            out[picked] = begin + drawn
        return count
    total = sums[end - 1]
    if total <= 0.0:
        return 0
    for picked in range(count):
        drawn, state = _unit(state)
        # (0, total]: the first sum that reaches it belongs to an edge with weight
        goal = drawn * total
        low, high = begin, end - 1
        while low < high:
            middle = (low + high) // 2
            if sums[middle] < goal:
                low = middle + 1
            else:
                high = middle
        out[picked] = low
    return count


@njit(cache=True, nogil=True)
def _pick(
    begin: int,
    end: int,
    count: int,
    weight: Floats,
    mode: int,
    state: np.uint64,
    out: Ints,
) -> int:
    """Fill ``out`` with positions of drawn edges; how many there are."""
    degree = end - begin
    if degree == 0 or count == 0:
        return 0
    if count < 0 or (mode == UNIFORM and count >= degree):
        for offset in range(degree):
            out[offset] = begin + offset
        return degree
    if mode == UNIFORM_REPLACE or mode == WEIGHTED_REPLACE:
        return _repeated(begin, end, count, weight, state, out)
    if mode == WEIGHTED:
        return _weighted(begin, end, count, weight, state, out)
    # Looking at the drawn costs count^2 / 2, going through all edges costs degree.
    if count * count < 8 * degree:
        return _floyd(begin, degree, count, state, out)
    return _selection(begin, degree, count, state, out)


@njit(cache=True, nogil=True)
def _room(
    colptr: Ints, nodes: Ints, begin: int, end: int, count: int, mode: int
) -> int:
    """Upper bound of the edges that expanding ``nodes[begin:end]`` may draw."""
    bounded = mode == UNIFORM or mode == WEIGHTED
    total = 0
    for at in range(begin, end):
        degree = colptr[nodes[at] + 1] - colptr[nodes[at]]
        if count < 0 or (bounded and degree < count):
            total += degree
        elif degree > 0:
            total += count
    return total


@njit(cache=True, nogil=True)
def _grown(values: Ints, used: int, size: int) -> Ints:
    out = np.empty(size, dtype=np.int64)
    out[:used] = values[:used]
    return out


@njit(cache=True, nogil=True)
def _sample(
    colptr: Ints,
    row: Ints,
    weight: Floats,
    mode: int,
    seeds: Ints,
    hops: Ints,
    key: np.uint64,
    local: NDArray[np.int32],
) -> tuple[Ints, Ints, Ints, Ints, Ints, Ints]:
    nodes = seeds.copy()
    for at in range(seeds.size):
        if local[seeds[at]] < 0:
            local[seeds[at]] = at
    nodes_per_hop = np.zeros(hops.size + 1, dtype=np.int64)
    edges_per_hop = np.zeros(hops.size, dtype=np.int64)
    nodes_per_hop[0] = seeds.size
    src = np.empty(0, dtype=np.int64)
    dst = np.empty(0, dtype=np.int64)
    edge = np.empty(0, dtype=np.int64)
    begin, end, used = 0, seeds.size, 0
    for hop in range(hops.size):
        room = _room(colptr, nodes, begin, end, hops[hop], mode)
        nodes = _grown(nodes, end, end + room)
        src = _grown(src, used, used + room)
        dst = _grown(dst, used, used + room)
        edge = _grown(edge, used, used + room)
        hop_key = _mix(key ^ np.uint64(hop + 1))
        reached, before = end, used
        for at in range(begin, end):
            node = nodes[at]
            state = _mix(hop_key ^ np.uint64(node))
            drawn = _pick(
                colptr[node],
                colptr[node + 1],
                hops[hop],
                weight,
                mode,
                state,
                edge[used:],
            )
            for slot in range(used, used + drawn):
                source = row[edge[slot]]
                if local[source] < 0:
                    local[source] = reached
                    nodes[reached] = source
                    reached += 1
                src[slot] = local[source]
                dst[slot] = at
            used += drawn
        begin, end = end, reached
        nodes_per_hop[hop + 1] = end - begin
        edges_per_hop[hop] = used - before
    for at in range(end):
        local[nodes[at]] = -1
    nodes = nodes[:end].copy()
    return nodes, src[:used], dst[:used], edge[:used], nodes_per_hop, edges_per_hop
