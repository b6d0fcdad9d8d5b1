"""The text graph: PyG ``Data`` with names for its text and its labels."""

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.errors import TextGraphError

MAX_LISTED = 5


def validate_text_graph(data: Data, *, require_text: bool = True) -> Data:
    """Check that ``data`` follows the conventions of a text graph.

    A text graph is a PyG ``Data`` with

    * ``text``: ``list[str]``, one entry a node (empty strings are allowed),
    * ``edge_index``: :math:`(2, |E|)` ``int64``, ids in ``[0, num_nodes)``,
    * ``y``: :math:`(|V|)` ``int64`` with ``-1`` for an unknown label (optional),
    * ``label_names``: ``list[str]``, one entry a class (needed with ``y``),
    * ``train_mask``, ``val_mask``, ``test_mask``: :math:`(|V|)` ``bool``, pairwise
      disjoint, only on labelled nodes (optional),
    * ``full_text``: ``list[str]``, an oracle of better text (optional).

    Args:
        data (Data): The graph.
        require_text (bool, optional): Whether a graph without text is refused.
            (default: :obj:`True`)

    Returns:
        Data: The same object, so that calls can be chained.

    Raises:
        TextGraphError: With what is wrong and how to mend it.
    """
    with warnings.catch_warnings():
        # PyG warns where it has to guess; what is checked below says it better
        warnings.simplefilter("ignore", UserWarning)
        num_nodes = data.num_nodes
    if num_nodes is None:
        raise TextGraphError("the graph has no nodes; set 'data.num_nodes' or 'data.x'")
    text = getattr(data, "text", None)
    if text is None:
        if require_text:
            raise TextGraphError(
                "the graph has no text; set 'data.text' to a list of "
                f"{num_nodes} strings, one a node"
            )
    else:
        _check_strings("text", text, num_nodes)
    full_text = getattr(data, "full_text", None)
    if full_text is not None:
        _check_strings("full_text", full_text, num_nodes)
    _check_edges(data.edge_index, num_nodes)
    if data.y is not None:
        _check_labels(data.y, getattr(data, "label_names", None), num_nodes)
    _check_masks(data, num_nodes)
    return data


def _check_strings(name: str, text: Sequence[str], num_nodes: int) -> None:
    if isinstance(text, str) or not isinstance(text, list | tuple):
        raise TextGraphError(
            f"'data.{name}' must be a list of strings (got {type(text).__name__})"
        )
    if len(text) != num_nodes:
        raise TextGraphError(
            f"'data.{name}' has {len(text)} entries but the graph has {num_nodes} "
            "nodes; give one string a node (an empty one where there is none), and set "
            "data.num_nodes if the last nodes have no edge"
        )
    wrong = [i for i, entry in enumerate(text) if not isinstance(entry, str)]
    if wrong:
        raise TextGraphError(
            f"'data.{name}' holds something other than a string at nodes "
            f"{wrong[:MAX_LISTED]}; use '' for nodes without text"
        )


def _check_edges(edge_index: Tensor | None, num_nodes: int) -> None:
    if edge_index is None:
        raise TextGraphError(
            "the graph has no 'edge_index'; use torch.empty(2, 0, dtype=torch.long) "
            "for a graph without edges"
        )
    if edge_index.dim() != 2 or edge_index.size(0) != 2:
        raise TextGraphError(
            f"'data.edge_index' must have shape (2, num_edges) "
            f"(got {tuple(edge_index.shape)})"
        )
    if edge_index.dtype != torch.long:
        raise TextGraphError(
            f"'data.edge_index' must be int64 (got {edge_index.dtype})"
        )
    if edge_index.numel() == 0:
        return
    low, high = int(edge_index.min()), int(edge_index.max())
    if low < 0 or high >= num_nodes:
        bad = low if low < 0 else high
        raise TextGraphError(
            f"an edge points to node {bad}, but the graph has nodes 0 to "
            f"{num_nodes - 1}; remove the edge or add the node"
        )


def _check_labels(y: Tensor, label_names: Sequence[str] | None, num_nodes: int) -> None:
    if y.dim() != 1 or y.numel() != num_nodes:
        raise TextGraphError(
            f"'data.y' must have shape ({num_nodes},), one class a node "
            f"(got {tuple(y.shape)})"
        )
    if y.dtype != torch.long:
        raise TextGraphError(f"'data.y' must be int64 (got {y.dtype})")
    if label_names is None:
        raise TextGraphError(
            "the graph has labels but no 'label_names'; set data.label_names to the "
            "list of class names, prompts and reports use names and never ids"
        )
    if len(set(label_names)) != len(label_names):
        raise TextGraphError("'data.label_names' holds the same name twice")
    if y.numel() and (int(y.max()) >= len(label_names) or int(y.min()) < -1):
        raise TextGraphError(
            f"'data.y' holds values from {int(y.min())} to {int(y.max())}, but there "
            f"are {len(label_names)} label names; use 0 to {len(label_names) - 1}, "
            "and -1 for an unknown label"
        )


def _check_masks(data: Data, num_nodes: int) -> None:
    seen = torch.zeros(num_nodes, dtype=torch.bool)
    for name in ("train_mask", "val_mask", "test_mask"):
        mask = getattr(data, name, None)
        if mask is None:
            continue
        if mask.dtype != torch.bool or mask.shape != (num_nodes,):
            raise TextGraphError(
                f"'data.{name}' must be bool of shape ({num_nodes},) "
                f"(got {mask.dtype} of shape {tuple(mask.shape)})"
            )
        mask = mask.cpu()
        if bool((seen & mask).any()):
            raise TextGraphError(
                f"'data.{name}' shares nodes with another mask; train, validation "
                "and test must be disjoint"
            )
        if data.y is not None and bool((data.y.cpu()[mask] < 0).any()):
            raise TextGraphError(
                f"'data.{name}' contains nodes without a label; masks may only "
                "contain labelled nodes"
            )
        seen |= mask
