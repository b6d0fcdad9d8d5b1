"""What prompts may see of the nodes of a text graph."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import remove_self_loops, to_undirected

from graphllm.data import to_csr, validate_text_graph
from graphllm.errors import PromptError, TextGraphError
from graphllm.prompts.clean import cut
from graphllm.prompts.template import NodeView
from graphllm.seed import generator


def build_views(
    data: Data,
    nodes: Tensor | Sequence[int],
    *,
    num_neighbors: int = 5,
    max_chars: int = 200,
    neighbor_labels: bool = False,
    seed: int = 0,
    neighbors: Sequence[Sequence[int]] | None = None,
) -> list[NodeView]:
    """Collect text, neighbour snippets and class names of some nodes.

    A neighbour is a node with text at the other end of an edge in either direction;
    the node itself is none. Which neighbours are drawn depends on the graph and the
    seed alone, so a node has the same view in every selection and its answers can
    be re-used.

    Labels are read for one purpose only: with ``neighbor_labels`` the class names of
    neighbours in ``train_mask``. The labels of the nodes themselves and of all nodes
    outside the training set cannot change a view.

    Args:
        data (Data): A text graph.
        nodes (Tensor or Sequence[int]): Ids of the nodes.
        num_neighbors (int, optional): Neighbours a view at most.
            (default: :obj:`5`)
        max_chars (int, optional): Characters of a neighbour's text that are shown,
            cut at a whole word. (default: :obj:`200`)
        neighbor_labels (bool, optional): Whether label-aware prompts may name the
            classes of training neighbours. (default: :obj:`False`)
        seed (int, optional): Seed of the draw. (default: :obj:`0`)
        neighbors (Sequence[Sequence[int]], optional): Ids to show for each node, in
            this order, in the place of drawn ones.

    Returns:
        list[NodeView]: In the order of ``nodes``.

    Raises:
        TextGraphError: If the graph is not usable, an id is out of range, or
            ``neighbor_labels`` is asked of a graph without labels or training mask.
        PromptError: If ``num_neighbors`` or ``max_chars`` is negative, or
            ``neighbors`` has not one entry a node.
    """
    validate_text_graph(data)
    for name, value in (("num_neighbors", num_neighbors), ("max_chars", max_chars)):
        if value < 0:
            raise PromptError(f"'{name}' must not be negative (got {value})")
    ids = torch.as_tensor(nodes, dtype=torch.long).view(-1).cpu()
    num_nodes = int(data.num_nodes or 0)
    _check_ids(ids, num_nodes)
    if neighbors is None:
        neighbors = _draw_neighbors(data, ids, num_neighbors, seed)
    elif len(neighbors) != ids.numel():
        raise PromptError(
            f"'neighbors' must have one entry a node (got {len(neighbors)} for "
            f"{ids.numel()} nodes)"
        )
    else:
        flat = [other for others in neighbors for other in others]
        _check_ids(torch.tensor(flat, dtype=torch.long), num_nodes)
    shown = _shown_labels(data) if neighbor_labels else None
    label_names = tuple(getattr(data, "label_names", None) or ())
    return [
        NodeView(
            node=node,
            text=data.text[node],
            neighbors=tuple(cut(data.text[other], max_chars) for other in others),
            neighbor_labels=tuple(shown[other] for other in others) if shown else (),
            label_names=label_names,
        )
        for node, others in zip(ids.tolist(), neighbors, strict=True)
    ]


def _check_ids(ids: Tensor, num_nodes: int) -> None:
    wrong = ids[(ids < 0) | (ids >= num_nodes)]
    if wrong.numel():
        raise TextGraphError(
            f"there is no node {int(wrong[0])}; the graph has nodes 0 to "
            f"{num_nodes - 1}"
        )


def _draw_neighbors(
    data: Data, ids: Tensor, num_neighbors: int, seed: int
) -> list[list[int]]:
    """Up to ``num_neighbors`` neighbours of each node, in random order."""
    num_nodes = int(data.num_nodes or 0)
    edge_index, _ = remove_self_loops(data.edge_index.cpu())
    edge_index = to_undirected(edge_index, num_nodes=num_nodes)
    has_text = torch.tensor([bool(t.strip()) for t in data.text], dtype=torch.bool)
    edge_index = edge_index[:, has_text[edge_index[1]]]
    # One random key an edge of the whole graph: independent of the nodes asked for.
    keys = torch.rand(edge_index.size(1), generator=generator(seed))
    csr = to_csr(edge_index[:, torch.argsort(keys, stable=True)], num_nodes)
    drawn = []
    for node in ids.tolist():
        row = slice(int(csr.indptr[node]), int(csr.indptr[node + 1]))
        # 'edge_ids' are positions in random order: the smallest are a random sample.
        order = torch.argsort(csr.edge_ids[row])[:num_neighbors]
        drawn.append(csr.indices[row][order].tolist())
    return drawn


def _shown_labels(data: Data) -> list[str | None]:
    mask = getattr(data, "train_mask", None)
    if data.y is None or mask is None:
        raise TextGraphError(
            "neighbor_labels=True needs 'data.y' and 'data.train_mask'; "
            "apply a split first"
        )
    return [
        data.label_names[label] if known else None
        for label, known in zip(data.y.tolist(), mask.tolist(), strict=True)
    ]
