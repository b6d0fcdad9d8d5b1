"""Text graphs from what people have at hand: networkx graphs and plain lists."""

from collections.abc import Iterable, Sequence

import networkx as nx
import torch
from torch_geometric.data import Data
from torch_geometric.utils import coalesce, to_undirected

from graphllm.data import validate_text_graph
from graphllm.datasets.labels import Label, encode_labels
from graphllm.errors import TextGraphError


def from_edges(
    texts: Sequence[str],
    edges: Iterable[tuple[int, int]],
    labels: Sequence[Label] | None = None,
    *,
    undirected: bool = True,
) -> Data:
    """Build a text graph from lists.

    Args:
        texts (Sequence[str]): One string a node.
        edges (Iterable[tuple[int, int]]): Pairs of positions in ``texts``.
        labels (Sequence[str or int or None], optional): One label a node; None for
            an unknown one. Class names are the distinct labels, sorted.
            (default: :obj:`None`)
        undirected (bool, optional): Whether to add the reverse of every edge.
            (default: :obj:`True`)

    Returns:
        Data: A validated text graph.

    Raises:
        TextGraphError: If lengths differ or an edge ends outside of the graph.

    Example:
        .. code-block:: python

            data = from_edges(["a star", "a comet", "flour"], [(0, 1)], [0, 0, 1])
    """
    texts = list(texts)
    pairs = list(edges)
    if any(len(pair) != 2 for pair in pairs):
        raise TextGraphError("every edge must be a pair (source, target)")
    edge_index = torch.tensor(pairs, dtype=torch.long).view(-1, 2).t().contiguous()
    data = Data(text=texts, edge_index=edge_index, num_nodes=len(texts))
    if labels is not None:
        if len(labels) != len(texts):
            raise TextGraphError(
                f"there are {len(labels)} labels for {len(texts)} texts; give one a "
                "node, None where it is unknown"
            )
        data.y, data.label_names = encode_labels(labels)
    validate_text_graph(data)  # before an id out of range reaches an index operation
    merge = to_undirected if undirected else coalesce
    data.edge_index = merge(edge_index, num_nodes=len(texts))
    return data


def from_networkx(
    graph: nx.Graph,
    text: str = "text",
    label: str = "label",
    *,
    undirected: bool = True,
) -> Data:
    """Build a text graph from a networkx graph.

    Nodes keep the order of ``graph.nodes``; their names are found in
    ``data.node_names`` as strings. Parallel edges are merged.

    Args:
        graph (networkx.Graph): Any networkx graph.
        text (str, optional): Node attribute with the text. (default: :obj:`"text"`)
        label (str, optional): Node attribute with the label; a node without it has
            an unknown label. (default: :obj:`"label"`)
        undirected (bool, optional): Whether a directed graph gets the reverse of
            every edge; an undirected one always has it. (default: :obj:`True`)

    Returns:
        Data: A validated text graph.

    Raises:
        TextGraphError: If a node has no text.
    """
    position = {node: index for index, node in enumerate(graph.nodes)}
    texts = []
    for node, attributes in graph.nodes(data=True):
        if not isinstance(attributes.get(text), str):
            raise TextGraphError(
                f"node {node!r} has no string attribute '{text}'; set it, to '' where "
                "there is no text"
            )
        texts.append(attributes[text])
    labels = [attributes.get(label) for _, attributes in graph.nodes(data=True)]
    has_labels = any(value is not None for value in labels)
    data = from_edges(
        texts,
        [(position[a], position[b]) for a, b in graph.edges()],
        labels if has_labels else None,
        undirected=undirected or not graph.is_directed(),
    )
    data.node_names = [str(node) for node in position]
    return data
