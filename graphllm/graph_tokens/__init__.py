"""Graphs as short sequences of vectors: the structure side of LLaGA."""

from graphllm.graph_tokens.base import JSON, GraphTemplate, GraphTokens, NodeTokens
from graphllm.graph_tokens.from_spec import template_from_spec
from graphllm.graph_tokens.hop_field import HopField
from graphllm.graph_tokens.neighborhood_detail import NeighborhoodDetail
from graphllm.graph_tokens.tree_encoding import tree_encoding

__all__ = [
    "JSON",
    "GraphTemplate",
    "GraphTokens",
    "HopField",
    "NeighborhoodDetail",
    "NodeTokens",
    "template_from_spec",
    "tree_encoding",
]
