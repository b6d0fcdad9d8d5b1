"""Sources and targets, after a look at whether they can be."""

import torch
from torch import Tensor

from graphllm.errors import TextGraphError
from graphllm.kernels.sample import Ints


def check_edges(edge_index: Tensor, num_nodes: int) -> None:
    """Refuse what is no edge index of a graph with so many nodes.

    Args:
        edge_index (Tensor): :math:`(2, E)`.
        num_nodes (int): Number of nodes.

    Raises:
        TextGraphError: If its shape is another, or an edge names a node that does not
            exist.
    """
    if edge_index.dim() != 2 or edge_index.size(0) != 2:
        raise TextGraphError(
            "'edge_index' must have shape (2, num_edges) "
            f"(got {tuple(edge_index.shape)})"
        )
    if edge_index.numel() > 0:
        low, high = (int(bound) for bound in torch.aminmax(edge_index))
        if low < 0 or high >= num_nodes:
            raise TextGraphError(
                f"'edge_index' must hold ids in [0, {num_nodes - 1}] (got "
                f"{low if low < 0 else high}); the graph has {num_nodes} nodes"
            )


def both_ends(edge_index: Tensor, num_nodes: int) -> tuple[Ints, Ints]:
    """Sources and targets of the edges, on the CPU.

    Args:
        edge_index (Tensor): :math:`(2, E)`; any device.
        num_nodes (int): Number of nodes.

    Returns:
        tuple[NDArray, NDArray]: Each :math:`(E)` ``int64``, contiguous.

    Raises:
        TextGraphError: If it is no edge index of a graph with so many nodes.
    """
    check_edges(edge_index, num_nodes)
    source, target = edge_index.detach().cpu().long().contiguous().numpy()
    return source, target
