"""Fires that spread along the edges of a graph."""

import numpy as np
from numba import njit

from graphllm.kernels.sample import _below, _mix, _unit
from graphllm.kernels.undirected import Ids, Ints, Undirected


def burn(graph: Undirected, burn_probability: float, num_burns: int, key: int) -> Ids:
    r"""Light fires until edges have burnt often enough.

    A fire starts at a random node that has neighbours. Each node that it reaches sets
    fire to :math:`k` of its neighbours that have not burnt in this fire, or to all if
    there are fewer, with :math:`P(k) = (1 - p) p^k`; the edges to them burn.

    Args:
        graph (Undirected): The graph.
        burn_probability (float): The probability :math:`p`, in :math:`(0, 1)`.
        num_burns (int): Burns in all, counted over edges and fires; the last fire
            burns out.
        key (int): Names the stream of random numbers. Those of a fire are a function
            of the key and of its number.

    Returns:
        NDArray: ``int32``, how often the edge of each slot has burnt from the node of
        the row.
    """
    degree = graph.degree()
    alive = np.flatnonzero(degree)
    burns = np.zeros(graph.indices.size, np.int32)
    if alive.size > 0:
        fresh = np.empty(degree.max(), np.int64)
        last_fire = np.full(degree.size, -1, np.int64)
        goal = np.log(burn_probability), num_burns
        _burn(*graph, *goal, np.uint64(key), alive, last_fire, fresh, burns)
    return burns


@njit(cache=True, nogil=True)
def _burn(
    indptr: Ints,
    indices: Ids,
    log_probability: float,
    num_burns: int,
    key: np.uint64,
    alive: Ints,
    last_fire: Ints,
    fresh: Ints,
    burns: Ids,
) -> None:
    reached = np.empty(alive.size, np.int64)
    fire = total = 0
    while total < num_burns:
        state = _mix(key ^ np.uint64(fire))
        start, state = _below(state, alive.size)
        reached[0] = alive[start]
        last_fire[reached[0]] = fire
        done, end = 0, 1
        while done < end:
            node = reached[done]
            done += 1
            drawn, state = _unit(state)
            # At least k with probability p^k.
            wanted = np.log(drawn) / log_probability
            if wanted < 1.0:
                continue
            num_fresh = 0
            for slot in range(indptr[node], indptr[node + 1]):
                if last_fire[indices[slot]] != fire:
                    fresh[num_fresh] = slot
                    num_fresh += 1
            for pick in range(int(min(wanted, num_fresh))):
                ahead, state = _below(state, num_fresh - pick)
                slot = fresh[pick + ahead]
                fresh[pick + ahead] = fresh[pick]
                burns[slot] += 1
                total += 1
                last_fire[indices[slot]] = fire
                reached[end] = indices[slot]
                end += 1
        fire += 1
