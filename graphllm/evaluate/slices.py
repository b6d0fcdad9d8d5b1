"""Where in the graph a method is right: accuracy by kinds of nodes."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import degree, scatter

UNREACHABLE = -1


@dataclass(frozen=True)
class Slices:
    """Nodes sorted into bins by one property.

    Args:
        index (Tensor): Bin of every node, :math:`(|V|)`; -1 where there is none.
        names (tuple[str, ...]): Of the bins, in their order.
    """

    index: Tensor
    names: tuple[str, ...]


def local_homophily(edge_index: Tensor, y: Tensor) -> Tensor:
    r"""Share of a node's labelled neighbours that have its class.

    .. math::
        h_i = \frac{|\{j \in N(i) : y_j = y_i\}|}{|N(i)|}

    It reads every label: good for judging a result, forbidden for choosing nodes.

    Args:
        edge_index (Tensor): :math:`(2, |E|)`, messages flow from row 0 to row 1.
        y (Tensor): Classes, :math:`(|V|)`; negative where unknown.

    Returns:
        Tensor: :math:`(|V|)`; NaN for nodes without a class or such neighbours.
    """
    source, target = edge_index
    known = (y[source] >= 0) & (y[target] >= 0)
    source, target = source[known], target[known]
    same = (y[source] == y[target]).float()
    return scatter(same, target, dim_size=y.numel()) / degree(target, y.numel())


def hops_from(edge_index: Tensor, mask: Tensor, max_hops: int | None = None) -> Tensor:
    """Length of the shortest path from any node of a set.

    Args:
        edge_index (Tensor): :math:`(2, |E|)`, walked from row 0 to row 1.
        mask (Tensor): Where to start, boolean, :math:`(|V|)`.
        max_hops (int, optional): Where to stop; nodes farther away count as
            unreachable. (default: no limit)

    Returns:
        Tensor: :math:`(|V|)` ``int64``; -1 where no path leads.
    """
    source, target = edge_index
    hops = torch.full(mask.shape, UNREACHABLE, device=mask.device)
    hops[mask] = 0
    step = 0
    while max_hops is None or step < max_hops:
        new = target[(hops[source] == step) & (hops[target] == UNREACHABLE)]
        if new.numel() == 0:
            break
        step += 1
        hops[new] = step
    return hops


def bin_by_edges(values: Tensor, edges: list[float]) -> Slices:
    """Bins between given edges, each with its lower edge, the last with both.

    Args:
        values (Tensor): One number a node, :math:`(|V|)`; NaN has no bin.
        edges (list[float]): Ascending.

    Returns:
        Slices: One bin fewer than edges.
    """
    inner = torch.tensor(edges[1:-1], dtype=torch.double, device=values.device)
    index = torch.bucketize(values.double(), inner, right=True)
    outside = ~((values >= edges[0]) & (values <= edges[-1]))
    names = [f"{a:g} – {b:g}" for a, b in pairwise(edges)]
    return Slices(index.masked_fill(outside, UNREACHABLE), tuple(names))


def bin_by_quantile(values: Tensor, num_bins: int = 4) -> Slices:
    """Bins of about equally many nodes; equal numbers are never parted.

    Args:
        values (Tensor): One whole number a node, :math:`(|V|)`.
        num_bins (int, optional): Bins at most; fewer where numbers repeat a lot.
            (default: :obj:`4`)

    Returns:
        Slices: Bins are named by their smallest and largest number.
    """
    shares = torch.linspace(0, 1, num_bins + 1, dtype=torch.double)[1:-1]
    ordered = values.double().sort().values
    # The number at each share of the nodes begins a bin.
    cuts = ordered[(shares * (ordered.numel() - 1)).round().long()].unique()
    index = torch.bucketize(values.double(), cuts, right=True)
    _, index = torch.unique(index, return_inverse=True)
    low = scatter(values.long(), index, reduce="min").tolist()
    high = scatter(values.long(), index, reduce="max").tolist()
    names = [f"{a}" if a == b else f"{a} – {b}" for a, b in zip(low, high, strict=True)]
    return Slices(index, tuple(names))


def node_slices(data: Data, num_bins: int = 4) -> dict[str, Slices]:
    """The four ways in which a report slices the nodes of a text graph.

    Args:
        data (Data): A text graph with labels and ``train_mask``.
        num_bins (int, optional): Bins of each property. (default: :obj:`4`)

    Returns:
        dict[str, Slices]: ``homophily`` (see :func:`local_homophily`, bins of equal
        width), ``degree`` and ``text_length`` (characters; bins of about equally
        many nodes), ``distance_to_train`` (hops of a message from the nearest
        training node).
    """
    edges = [step / num_bins for step in range(num_bins + 1)]
    homophily = local_homophily(data.edge_index, data.y)
    degrees = degree(data.edge_index[1], data.num_nodes).long()
    lengths = torch.tensor([len(text) for text in data.text], device=degrees.device)
    hops = hops_from(data.edge_index, data.train_mask)
    far = num_bins - 1
    names = (*map(str, range(far)), f"{far} or more", "out of reach")
    binned = hops.clamp(max=far).masked_fill(hops == UNREACHABLE, num_bins)
    return {
        "homophily": bin_by_edges(homophily, edges),
        "degree": bin_by_quantile(degrees, num_bins),
        "text_length": bin_by_quantile(lengths, num_bins),
        "distance_to_train": Slices(binned, names),
    }


def slice_accuracy(
    right: Tensor, mask: Tensor, slices: Mapping[str, Slices]
) -> list[dict[str, Any]]:
    """Accuracy in every bin.

    Args:
        right (Tensor): Whether each node was classified rightly, :math:`(|V|)`.
        mask (Tensor): Which nodes count, boolean, :math:`(|V|)`.
        slices (Mapping[str, Slices]): By the name of the property.

    Returns:
        list[dict]: ``slice``, ``bin``, ``nodes`` (how many count) and ``acc``; NaN
        in an empty bin.
    """
    rows = []
    for name, cut in slices.items():
        counted = mask & (cut.index >= 0)
        bins, size = cut.index[counted], len(cut.names)
        nodes = torch.bincount(bins, minlength=size)
        good = torch.bincount(bins[right[counted]], minlength=size)
        for title, total, hits in zip(
            cut.names, nodes.tolist(), good.tolist(), strict=True
        ):
            acc = hits / total if total else float("nan")
            rows.append({"slice": name, "bin": title, "nodes": total, "acc": acc})
    return rows
