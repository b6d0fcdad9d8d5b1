"""Text graphs: conventions, checks, splits, fingerprints and neighbour lists."""

from graphllm.data.csr import CSR, to_csr
from graphllm.data.fingerprint import graph_fingerprint, text_fingerprint
from graphllm.data.splits import SPLITS, apply_split
from graphllm.data.text_graph import validate_text_graph

__all__ = [
    "CSR",
    "SPLITS",
    "apply_split",
    "graph_fingerprint",
    "text_fingerprint",
    "to_csr",
    "validate_text_graph",
]
