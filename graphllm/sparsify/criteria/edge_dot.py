"""Products of the rows at both ends of every edge."""

import torch
from torch import Tensor

# Numbers gathered at a time, for each end: 64 MB.
CHUNK_NUMBERS = 1 << 24


def edge_dot(rows: Tensor, edge_index: Tensor) -> Tensor:
    r"""Inner product of both ends of every edge, a chunk of edges at a time.

    Args:
        rows (Tensor): :math:`(|V|, F)`.
        edge_index (Tensor): :math:`(2, |E|)`.

    Returns:
        Tensor: :math:`(|E|)`, of the type of ``rows``.
    """
    product = rows.new_empty(edge_index.size(1))
    size = max(1, CHUNK_NUMBERS // max(rows.size(1), 1))
    for (source, target), part in zip(
        edge_index.split(size, dim=1), product.split(size), strict=True
    ):
        torch.linalg.vecdot(rows[source], rows[target], out=part)
    return product
