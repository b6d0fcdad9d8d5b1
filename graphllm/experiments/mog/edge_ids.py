"""Which of a graph's edges were kept, as one short text."""

import base64

import numpy as np
import torch
from torch import Tensor


def pack(e_id: Tensor, num_edges: int) -> str:
    """Columns of ``edge_index`` as one bit an edge, in base 64.

    Args:
        e_id (Tensor): Kept columns, each once.
        num_edges (int): Columns there are.
    """
    mask = np.zeros(num_edges, dtype=bool)
    mask[e_id.cpu().numpy()] = True
    return base64.b64encode(np.packbits(mask).tobytes()).decode("ascii")


def unpack(text: str, num_edges: int) -> Tensor:
    """The columns again, ascending."""
    bits = np.frombuffer(base64.b64decode(text), dtype=np.uint8)
    mask = np.unpackbits(bits, count=num_edges).astype(bool)
    return torch.from_numpy(np.flatnonzero(mask))
