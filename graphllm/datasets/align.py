"""Puts two copies of one graph, with nodes in different orders, on top of each other."""

from collections.abc import Callable

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from graphllm.errors import DatasetError

Similarity = Callable[[Tensor, Tensor], Tensor]


def align_nodes(
    first: Tensor,
    second: Tensor,
    first_color: Tensor,
    second_color: Tensor,
    similarity: Callable[[Tensor, Tensor], Similarity],
) -> Tensor:
    r"""Find the node of the first graph that each node of the second one is.

    Colour refinement (Weisfeiler-Leman) runs on both graphs at once, from the given
    colours. A colour that one node of each graph has, fixes that pair. As long as
    some colour is shared by more, the pair whose similarity exceeds that of any rival
    by most is fixed, and the refinement goes on from there, so that symmetric parts
    stay consistent.

    Args:
        first (Tensor): Undirected edges of the first graph, :math:`(2, |E|)`.
        second (Tensor): Undirected edges of the second graph, :math:`(2, |E|)`.
        first_color (Tensor): What is known of the nodes of the first graph (its
            classes), :math:`(|V|)` ``int64``.
        second_color (Tensor): The same for the second graph, :math:`(|V|)`.
        similarity (callable): Called once with the pairs that structure alone fixes
            (node ids of the first and of the second graph); returns a function from
            :math:`k` and :math:`m` node ids to a matrix :math:`(k, m)`.

    Returns:
        Tensor: :math:`(|V|)` ``int64``, a permutation.

    Raises:
        DatasetError: If the two are not the same graph.
    """
    num_nodes = second_color.numel()
    if first_color.numel() != num_nodes:
        raise DatasetError(
            f"a graph of {first_color.numel()} nodes is not one of {num_nodes} nodes"
        )
    edges = torch.cat([first, second + num_nodes], dim=1).numpy()
    adjacency = csr_array((np.ones(edges.shape[1], dtype=np.int64), edges))
    adjacency.resize(2 * num_nodes, 2 * num_nodes)
    color = _refine(adjacency, torch.cat([first_color, second_color]).numpy())
    score: Similarity | None = None
    while True:
        left, right = color[:num_nodes], color[num_nodes:]
        classes, sizes = np.unique(left, return_counts=True)
        if not np.array_equal(np.sort(left), np.sort(right)):
            raise DatasetError("the two graphs differ: their nodes cannot be matched")
        if score is None:
            once = classes[sizes == 1]
            score = similarity(_nodes(left, once), _nodes(right, once))
        if sizes.max(initial=1) == 1:
            break
        pair = _surest_pair(left, right, classes[sizes > 1], score)
        color = color.copy()
        color[[pair[0], pair[1] + num_nodes]] = color.max() + 1
        color = _refine(adjacency, color)
    result = torch.from_numpy(left.argsort()[right.argsort().argsort()])
    _check_edges(first, second, result)
    return result


def _surest_pair(
    left: np.ndarray, right: np.ndarray, classes: np.ndarray, score: Similarity
) -> tuple[int, int]:
    """The pair of one class that wins by most over the others of its two nodes."""
    best, surest = -np.inf, (-1, -1)
    for chosen in classes:
        ours, theirs = (left == chosen).nonzero()[0], (right == chosen).nonzero()[0]
        values = score(torch.from_numpy(ours), torch.from_numpy(theirs)).numpy()
        row, col = np.unravel_index(values.argmax(), values.shape)
        rivals = np.delete(values[row], col).max(), np.delete(values[:, col], row).max()
        margin = values[row, col] - max(rivals)
        if margin > best:
            best, surest = margin, (int(ours[row]), int(theirs[col]))
    return surest


def _refine(adjacency: csr_array, color: np.ndarray) -> np.ndarray:
    """Split colours by the colours of neighbours until nothing changes."""
    # One random number a colour stands for it in a sum over neighbours (modulo 2^64),
    # so that different neighbourhoods have different sums, but for a negligible chance.
    generator = np.random.default_rng(0)
    _, color = np.unique(color, return_inverse=True)
    while True:
        value = generator.integers(-(2**62), 2**62, color.size)[color]
        pairs = np.stack([color, adjacency @ value], axis=1)
        _, finer = np.unique(pairs, axis=0, return_inverse=True)
        finer = finer.reshape(-1)
        if finer.max() == color.max():
            return color
        color = finer


def _nodes(color: np.ndarray, classes: np.ndarray) -> Tensor:
    """The node of each class that has a single one, in the order of the classes."""
    position = np.searchsorted(classes, color)
    known = np.isin(color, classes)
    nodes = np.empty(len(classes), dtype=np.int64)
    nodes[position[known]] = known.nonzero()[0]
    return torch.from_numpy(nodes)


def _check_edges(first: Tensor, second: Tensor, mapping: Tensor) -> None:
    num_nodes = mapping.numel()
    moved = mapping[second]
    ours = torch.unique(first[0] * num_nodes + first[1])
    theirs = torch.unique(moved[0] * num_nodes + moved[1])
    if not torch.equal(ours, theirs):
        raise DatasetError("the two graphs differ: matched nodes have other edges")
