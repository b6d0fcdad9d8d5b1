"""Text graphs: conventions, checks, splits, fingerprints and neighbour lists."""

from graphllm.data.csr import CSR, to_csr
from graphllm.data.fingerprint import graph_fingerprint, text_fingerprint
from graphllm.data.links import (
    HiddenLinks,
    LinkPairs,
    LinkSplit,
    hide_links,
    sample_non_edges,
    split_links,
    undirected_links,
)
from graphllm.data.sparse_graph import (
    apply_sparse_graph,
    read_sparse_graph,
    write_sparse_graph,
)
from graphllm.data.splits import SPLITS, apply_split
from graphllm.data.text_graph import validate_text_graph

__all__ = [
    "CSR",
    "SPLITS",
    "HiddenLinks",
    "LinkPairs",
    "LinkSplit",
    "apply_sparse_graph",
    "apply_split",
    "graph_fingerprint",
    "hide_links",
    "read_sparse_graph",
    "sample_non_edges",
    "split_links",
    "text_fingerprint",
    "to_csr",
    "undirected_links",
    "validate_text_graph",
    "write_sparse_graph",
]
