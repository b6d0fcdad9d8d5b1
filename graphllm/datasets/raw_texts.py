"""The published form of the Cora and CiteSeer texts: a dictionary in a ``.pt``."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch_geometric.utils import remove_self_loops, to_undirected

from graphllm.errors import DatasetError


@dataclass(frozen=True)
class RawTextGraph:
    """Texts, undirected edges and class numbers, as published.

    Args:
        texts (list[str]): One text a node, white space normalised.
        edge_index (Tensor): :math:`(2, |E|)`, both directions, no self-loops.
        y (Tensor): :math:`(|V|)` class numbers, in an unstated order.
    """

    texts: list[str]
    edge_index: Tensor
    y: Tensor


def read_raw_texts(path: Path) -> RawTextGraph:
    """Read a published file, tensors and strings only.

    Args:
        path (Path): The ``.pt`` file, whose checksum was compared before; loaded
            without executing code.

    Returns:
        RawTextGraph: Its content.

    Raises:
        DatasetError: If the file holds something else.
    """
    raw = torch.load(path, weights_only=True, map_location="cpu")
    missing = {"raw_texts", "edge_index", "y"} - set(raw)
    if missing:
        raise DatasetError(
            f"{path}: the entry '{min(missing)}' is missing (it has: "
            f"{', '.join(sorted(map(str, raw)))})"
        )
    texts = [" ".join(str(text).split()) for text in raw["raw_texts"]]
    edge_index, _ = remove_self_loops(torch.as_tensor(raw["edge_index"]).long())
    return RawTextGraph(
        texts=texts,
        edge_index=to_undirected(edge_index, num_nodes=len(texts)),
        y=torch.as_tensor(raw["y"]).long().view(-1),
    )


def classes_by_size(y: Tensor, sizes: Sequence[int]) -> Tensor:
    """Renumber classes so that class ``i`` has ``sizes[i]`` nodes.

    The published files do not say which class a number means, but no two classes of
    a graph here are of the same size.

    Args:
        y (Tensor): Class numbers, :math:`(|V|)`.
        sizes (Sequence[int]): Nodes of each class, all different.

    Returns:
        Tensor: New class numbers, :math:`(|V|)`.

    Raises:
        DatasetError: If the classes have other sizes.
    """
    counts = torch.bincount(y).tolist()
    if sorted(counts) != sorted(sizes) or len(set(sizes)) != len(sizes):
        raise DatasetError(
            f"the classes have {sorted(counts)} nodes where {sorted(sizes)} are "
            "expected"
        )
    return torch.tensor([sizes.index(count) for count in counts])[y]
