"""Induced egos of many nodes, as seen by the experts each node selected."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from graphllm.kernels.egos import (
    InEdges,
    Nodes,
    ego_adjacency,
    ego_members,
    sort_in_edges,
)

# Widths of the matrices that egos are padded to; beyond, powers of two.
SMALLEST_WIDTH = 8
# Matrices of one batch. Solving needs some eight times as much: 256 MB in all.
BATCH_BYTES = 32 << 20


class EgoBatch(NamedTuple):
    """Egos of one width, each sparsified by :math:`k` experts.

    Args:
        node (Tensor): :math:`(B)` ``int64``, the centres.
        members (NDArray): :math:`(B, n)` ``int32``, the centre first, then
            neighbours, then -1.
        size (Tensor): :math:`(B)` ``int64``, members that are nodes.
        gate (Tensor): :math:`(B, k)` ``float64``, gates of the selected experts, zero
            where a node selected fewer.
        adjacency (Tensor): :math:`(B, k, n, n)` ``float64``, what each expert leaves
            of the ego: zeros and ones, symmetric.
        star (Tensor): :math:`(B)` ``bool``; no expert leaves an edge between two
            neighbours.
    """

    node: Tensor
    members: Nodes
    size: Tensor
    gate: Tensor
    adjacency: Tensor
    star: Tensor


def induced_egos(
    edge_index: Tensor,
    num_nodes: int,
    masks: Tensor,
    gates: Tensor,
    score: Tensor,
    max_ego: int = 16,
    nodes: Tensor | None = None,
) -> tuple[InEdges, Iterator[EgoBatch]]:
    r"""Cut the graph into the egos whose edges the experts may judge differently.

    The ego of node :math:`i` is :math:`i`, its in-neighbours and all edges among
    them. With more than ``max_ego - 1`` in-neighbours only those with the best
    ``score`` take part. Left out are nodes with less than two in-neighbours, and
    nodes of which every selected expert keeps every edge: there is nothing to weigh.

    A centre's edges are those it keeps, an edge between neighbours stands if either
    of them keeps it: see :func:`graphllm.kernels.egos.ego_adjacency`.

    Egos are padded to the next width of 8, 16, 32, ..., and come in batches of 32 MB.

    Args:
        edge_index (Tensor): :math:`(2, |E|)`; row 0 holds sources.
        num_nodes (int): Number of nodes.
        masks (Tensor): :math:`(|E|, K)` ``bool``, the edges that each expert keeps.
        gates (Tensor): :math:`(|V|, K)`, zero for experts that are not selected.
        score (Tensor): :math:`(|E|)`, the larger, the sooner in a capped ego.
        max_ego (int, optional): Most members of an ego. (default: :obj:`16`)
        nodes (Tensor, optional): Centres to look at; all of them if :obj:`None`.
            (default: :obj:`None`)

    Returns:
        tuple[InEdges, Iterator[EgoBatch]]: The sorted graph and the batches, all on
        the CPU.

    Raises:
        TextGraphError: If an edge names a node that does not exist.
    """
    edge_index, masks, gates = edge_index.cpu(), masks.cpu(), gates.cpu().double()
    in_edges = sort_in_edges(edge_index, num_nodes)
    judged = _judged_nodes(edge_index, masks, gates, nodes)
    order = in_edges.edge
    slot_score = score.detach().cpu().double().numpy()[order]
    members, size = ego_members(in_edges, slot_score, judged.numpy(), max_ego)
    many = torch.from_numpy(size > 2)
    kept = masks.numpy()[order]
    batches = _batches(
        in_edges, kept, judged[many], members[size > 2], size[size > 2], gates
    )
    return in_edges, batches


def _judged_nodes(
    edge_index: Tensor, masks: Tensor, gates: Tensor, nodes: Tensor | None
) -> Tensor:
    """Nodes of which some selected expert removes some edge, ascending."""
    source, target = edge_index
    removed = torch.zeros_like(source, dtype=torch.bool)
    # Expert by expert: a table of gates for all edges would be large.
    for expert in range(gates.size(1)):
        removed |= (gates[:, expert] > 0)[target] & ~masks[:, expert]
    removed &= source != target
    found = torch.zeros(gates.size(0), dtype=torch.bool)
    found[target[removed]] = True
    if nodes is not None:
        asked = torch.zeros_like(found)
        asked[nodes.cpu()] = True
        found &= asked
    return found.nonzero().view(-1)


def _batches(
    in_edges: InEdges,
    kept: np.ndarray,
    nodes: Tensor,
    members: Nodes,
    size: np.ndarray,
    gates: Tensor,
) -> Iterator[EgoBatch]:
    num_selected = int((gates > 0).sum(dim=1).max()) if nodes.numel() else 0
    narrow, width = 0, SMALLEST_WIDTH
    while narrow < members.shape[1]:
        inside = np.flatnonzero((size > narrow) & (size <= width))
        step = max(1, BATCH_BYTES // (8 * width * width * max(1, num_selected)))
        for begin in range(0, inside.size, step):
            rows = inside[begin : begin + step]
            node = nodes[torch.from_numpy(rows)]
            gate, expert = gates[node].topk(num_selected)
            expert = expert.masked_fill(gate == 0, -1)
            padded = _padded(members[rows], width)
            adjacency, star = ego_adjacency(in_edges, kept, padded, expert.numpy())
            yield EgoBatch(
                node,
                padded,
                torch.from_numpy(size[rows]),
                gate,
                torch.from_numpy(adjacency),
                torch.from_numpy(star),
            )
        narrow, width = width, 2 * width


def _padded(members: Nodes, width: int) -> Nodes:
    padded = np.full((len(members), width), -1, dtype=np.int32)
    columns = min(width, members.shape[1])
    padded[:, :columns] = members[:, :columns]
    return padded
