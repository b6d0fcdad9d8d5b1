"""Neighbour sampling in plain Python: slow, short, and the kernel's oracle."""

import random
from collections.abc import Sequence

from graphllm.kernels.sample import Ints, Neighborhood


def sample_neighbors_twin(
    colptr: Sequence[int] | Ints,
    row: Sequence[int] | Ints,
    seeds: Sequence[int],
    num_neighbors: Sequence[int],
    weight: Sequence[float] | None = None,
    replace: bool = False,
    rng: random.Random | None = None,
) -> Neighborhood:
    """What :func:`~graphllm.kernels.sample.sample_neighbors` does, written plainly.

    Without weights and where all neighbours are taken, the outcome is the same to
    the last entry; otherwise it is another draw of the same distribution. Weighted
    draws go one by one, each proportional to the weights that are left, which is the
    definition that the kernel's exponential keys have to meet.

    Args:
        colptr (Sequence[int]): As in the kernel, like the next two.
        row (Sequence[int]): Sources.
        seeds (Sequence[int]): Node ids.
        num_neighbors (Sequence[int]): One entry a hop.
        weight (Sequence[float], optional): One a position of ``row``; plain weights,
            with ``replace`` too. (default: :obj:`None`)
        replace (bool, optional): Whether an edge may be drawn twice.
            (default: :obj:`False`)
        rng (random.Random, optional): Source of the draws. (default: seed 0)

    Returns:
        Neighborhood: With lists in place of arrays.
    """
    rng = rng or random.Random(0)
    node = [int(seed) for seed in seeds]
    local: dict[int, int] = {}
    for at, seed in enumerate(node):
        local.setdefault(seed, at)
    src: list[int] = []
    dst: list[int] = []
    edge: list[int] = []
    nodes_per_hop, edges_per_hop = [len(node)], []
    begin = 0
    for count in num_neighbors:
        end, before = len(node), len(edge)
        for at in range(begin, end):
            positions = range(int(colptr[node[at]]), int(colptr[node[at] + 1]))
            for position in _drawn(positions, count, weight, replace, rng):
                source = int(row[position])
                if source not in local:
                    local[source] = len(node)
                    node.append(source)
                src.append(local[source])
                dst.append(at)
                edge.append(position)
        begin = end
        nodes_per_hop.append(len(node) - end)
        edges_per_hop.append(len(edge) - before)
    return Neighborhood(node, src, dst, edge, nodes_per_hop, edges_per_hop)  # type: ignore[arg-type]


def _drawn(
    positions: range,
    count: int,
    weight: Sequence[float] | None,
    replace: bool,
    rng: random.Random,
) -> Sequence[int]:
    if count < 0 or not positions:
        return positions
    if weight is None:
        if replace:
            return rng.choices(positions, k=count)
        return positions if count >= len(positions) else rng.sample(positions, count)
    left = {at: weight[at] for at in positions if weight[at] > 0}
    if replace:
        return rng.choices(list(left), list(left.values()), k=count) if left else []
    chosen: list[int] = []
    while left and len(chosen) < count:
        chosen += rng.choices(list(left), list(left.values()))
        del left[chosen[-1]]
    return chosen
