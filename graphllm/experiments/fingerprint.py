"""What a training reads, as one short text: the key of finished runs."""

import hashlib

from torch import Tensor
from torch_geometric.data import Data

from graphllm.data import graph_fingerprint


def features_hash(data: Data) -> str:
    """Fingerprint of everything that training reads, masks included."""
    digest = [graph_fingerprint(data)]
    # The edges as stored: weights follow their order, and a double edge counts twice.
    for name in (
        *("edge_index", "x", "x_llm", "x_views", "view_mask", "llm_index"),
        *("edge_weight", "keep_edge", "free_edge_weight"),
        *("train_mask", "val_mask", "test_mask"),
    ):
        value = getattr(data, name, None)
        if value is not None:
            digest.append(f"{name}:{_checksum(value)}")
    return " ".join(digest)


def _checksum(value: Tensor) -> str:
    raw = value.detach().cpu().contiguous().numpy().tobytes()
    return hashlib.blake2b(raw, digest_size=8).hexdigest()
