"""Fingerprints that tell whether two graphs are the same graph."""

import hashlib
from collections.abc import Iterable

import torch
from torch import Tensor
from torch_geometric.data import Data


def text_fingerprint(text: Iterable[str]) -> str:
    """Hash of texts and of their order.

    Args:
        text (Iterable[str]): One string a node.

    Returns:
        str: 16 hexadecimal digits.
    """
    digest = hashlib.blake2b(digest_size=8)
    for entry in text:
        raw = entry.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(8, "little"))
        digest.update(raw)
    return digest.hexdigest()


def graph_fingerprint(data: Data) -> str:
    """Hash of a graph's edges (as a set), text and labels, in node order.

    The order in which edges are stored does not matter, the order of the nodes
    does: moving a text to another node changes the fingerprint.

    Args:
        data (Data): The graph; ``text`` and ``y`` are optional.

    Returns:
        str: 16 hexadecimal digits.
    """
    digest = hashlib.blake2b(digest_size=8)
    num_nodes = int(data.num_nodes or 0)
    digest.update(num_nodes.to_bytes(8, "little"))
    if data.edge_index is not None:
        row, col = data.edge_index.cpu()
        digest.update(b"edges" + _bytes(torch.unique(row * max(num_nodes, 1) + col)))
    if data.y is not None:
        digest.update(b"labels" + _bytes(data.y.cpu()))
    text = getattr(data, "text", None)
    if text is not None:
        digest.update(b"text" + text_fingerprint(text).encode())
    return digest.hexdigest()


def _bytes(values: Tensor) -> bytes:
    # The length goes first: edges without labels are not labels without edges.
    raw = values.contiguous().numpy().tobytes()
    return len(raw).to_bytes(8, "little") + raw
