"""Edges by chance."""

import torch
from torch import Tensor

from graphllm.kernels.edge_ends import check_edges
from graphllm.kernels.sample import stream_key
from graphllm.kernels.tree_twin import _mix, _shifted, _signed


def random_score(
    edge_index: Tensor, num_nodes: int, x: Tensor | None = None, *, seed: int = 0
) -> Tensor:
    r"""Uniform number in :math:`[0, 1)` for each pair of nodes.

    The number is a function of the seed and of both ids and of nothing else: both
    directions and all repetitions of an edge get the same one, on every device, and
    it stays with the edge when others are removed or reordered.

    Args:
        edge_index (Tensor): :math:`(2, E)`.
        num_nodes (int): Number of nodes.
        x (Tensor, optional): Not read. (default: :obj:`None`)
        seed (int, optional): Seed. (default: :obj:`0`)

    Returns:
        Tensor: :math:`(E)` ``float32``.

    Raises:
        TextGraphError: If an edge names a node that does not exist.
    """
    check_edges(edge_index, num_nodes)
    source, target = edge_index.long()
    key = torch.minimum(source, target) << 32
    key |= torch.maximum(source, target)
    key ^= _signed(stream_key(seed))
    # 24 bits are all that a float can hold of a number below one.
    return _shifted(_mix(key), 40).float() * 2.0**-24
