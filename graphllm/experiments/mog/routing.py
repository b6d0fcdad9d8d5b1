"""Who picks which expert, by degree."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch_geometric.utils import degree, remove_self_loops

NUM_BINS = 8


def routing_histogram(
    gates: Tensor, edge_index: Tensor, experts: Sequence[str]
) -> dict[str, Any]:
    r"""Mean gate of every expert over the nodes of a range of degrees.

    Args:
        gates (Tensor): :math:`(|V|, K)`, rows sum to one.
        edge_index (Tensor): :math:`(2, |E|)` of the dense graph.
        experts (Sequence[str]): Name of every expert.

    Returns:
        dict: ``experts``; ``bins``, the lowest number of incoming edges of each range
        that has nodes (0, 1, 2, 4, 8, ..., 64 and more); ``nodes`` in each; ``share``,
        one row a range, which sums to one.
    """
    num_nodes = gates.size(0)
    incoming = degree(remove_self_loops(edge_index)[0][1], num_nodes).long()
    starts = torch.tensor([0, *(2**power for power in range(NUM_BINS - 1))])
    place = torch.bucketize(incoming.cpu(), starts, right=True) - 1
    nodes = torch.bincount(place, minlength=NUM_BINS)
    total = torch.zeros(NUM_BINS, gates.size(1)).index_add_(
        0, place, gates.detach().float().cpu()
    )
    some = nodes > 0
    share = total[some] / nodes[some].unsqueeze(1)
    return {
        "experts": list(experts),
        "bins": starts[some].tolist(),
        "nodes": nodes[some].tolist(),
        "share": share.tolist(),
    }
