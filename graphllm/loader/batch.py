"""From sampled ids to a mini-batch with its features."""

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.loader.utils import index_select
from torch_geometric.sampler import SamplerOutput

# One row for each enhanced node, in ascending order of the nodes.
LLM_ROWS = ("x_llm", "x_answer", "x_answers", "x_views", "view_mask")


def make_batch(data: Data, out: SamplerOutput) -> Data:
    r"""Gather everything that belongs to a sampled subgraph.

    * Tensors and arrays with an entry a node or an edge are sliced; a memory-mapped
      array is read only where needed, and ``x`` in half precision becomes
      ``float32``.
    * ``x_llm`` (and its like: ``x_answer``, ``x_views``, ...), which holds rows for
      the enhanced nodes only, gives the rows of the enhanced nodes of the batch in
      batch order, as :func:`graphllm.models.fuse` takes them, with ``llm_mask`` and
      ``llm_index`` in local ids. Nothing of size :math:`|V| \times F` is made.
    * Other tensors and plain values are passed on as they are.
    * Lists and other objects (``text``, ``label_names``, ``provenance``) stay with
      the graph: the text of node ``i`` of the batch is ``data.text[batch.n_id[i]]``.

    Args:
        data (Data): The whole graph; ``llm_index`` ascending where there is one.
        out (SamplerOutput): Nodes and edges, with ``edge`` as columns of
            ``data.edge_index``.

    Returns:
        Data: With ``n_id``, ``e_id``, ``num_sampled_nodes``, ``num_sampled_edges``.
    """
    batch = Data(num_nodes=out.node.numel())
    apart = (*LLM_ROWS, "llm_mask", "llm_index") if "llm_index" in data else ()
    for key in data.keys():
        value = data[key]
        if key in apart or key == "num_nodes":
            continue
        if key == "edge_index":
            batch.edge_index = torch.stack([out.row, out.col]).to(value.device)
        elif isinstance(value, Tensor | np.ndarray):
            batch[key] = _sliced(data, key, value, out)
        elif isinstance(value, str | int | float):
            batch[key] = value
    if apart:
        _add_llm_rows(data, batch, out.node)
    batch.n_id = out.node
    batch.e_id = out.edge
    batch.num_sampled_nodes = out.num_sampled_nodes
    batch.num_sampled_edges = out.num_sampled_edges
    return batch


def _sliced(
    data: Data, key: str, value: Tensor | np.ndarray, out: SamplerOutput
) -> Tensor | np.ndarray:
    if data.is_node_attr(key):
        index = out.node
    elif data.is_edge_attr(key):
        index = out.edge
    else:
        return value
    rows = take_rows(value, index, dim=data.__cat_dim__(key, value))
    return rows.float() if key == "x" and is_half(rows) else rows


def is_half(value: Tensor) -> bool:
    """Whether numbers are stored in 16 bits."""
    return value.is_floating_point() and value.element_size() == 2


def take_rows(value: Tensor | np.ndarray, index: Tensor, dim: int = 0) -> Tensor:
    """Rows of a tensor, or of an array that may lie on disk."""
    if isinstance(value, Tensor):
        return index_select(value, index.to(value.device), dim)
    return torch.from_numpy(np.take(value, index.cpu().numpy(), axis=dim))


def _add_llm_rows(data: Data, batch: Data, node: Tensor) -> None:
    index = data.llm_index
    node = node.to(index.device)
    if index.numel():
        place = torch.searchsorted(index, node).clamp_(max=index.numel() - 1)
        mask = index[place] == node
        place = place[mask]
    else:
        mask = torch.zeros_like(node, dtype=torch.bool)
        place = node[:0]
    batch.llm_mask = mask
    batch.llm_index = mask.nonzero().view(-1)
    for key in LLM_ROWS:
        if key in data:
            batch[key] = take_rows(data[key], place)
