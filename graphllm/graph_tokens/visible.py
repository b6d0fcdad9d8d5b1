"""The leakage guard: can an edge be seen that is to be predicted?"""

import torch
from torch import Tensor

from graphllm.errors import LeakageError


def walked(trees: Tensor, parents: Tensor, other: Tensor) -> Tensor:
    """Whether a tree steps along the edge between its root and another node.

    Args:
        trees (Tensor): :math:`(B, T)` node ids, the root first, -1 for none.
        parents (Tensor): :math:`(T)`, position of the parent of each position.
        other (Tensor): :math:`(B)` node ids, -1 for none.

    Returns:
        Tensor: :math:`(B)` ``bool``; a step in either direction counts.
    """
    root, other = trees[:, :1], other.view(-1, 1)
    above, below = trees[:, parents[1:]], trees[:, 1:]
    down = (above == root) & (below == other)
    up = (above == other) & (below == root)
    return ((down | up) & (other >= 0)).any(dim=1)


def refuse_visible(seen: Tensor, nodes: Tensor, other: Tensor, where: str) -> None:
    """Raise for the first pair that can be seen.

    Args:
        seen (Tensor): :math:`(B)` ``bool``.
        nodes (Tensor): :math:`(B)`, one end of each edge.
        other (Tensor): :math:`(B)`, the other end.
        where (str): What shows the edge.

    Raises:
        LeakageError: If there is such a pair.
    """
    first = torch.nonzero(seen).view(-1)[:1].tolist()
    if first:
        left, right = int(nodes[first[0]]), int(other[first[0]])
        raise LeakageError(
            f"the edge between nodes {left} and {right} is to be predicted, but "
            f"{where}; bind the template to the message-passing edges alone (the "
            "'edge_index' that RandomLinkSplit gives with disjoint_train_ratio)"
        )
