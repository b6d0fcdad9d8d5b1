"""Active node selection: which nodes deserve a language model."""

from graphllm.selection.base import (
    Pool,
    SelectionContext,
    Selector,
    candidate_nodes,
    parse_budget,
    resolve_budget,
)
from graphllm.selection.by_name import SELECTORS, get_selector
from graphllm.selection.cluster_distance import ClusterDistanceSelector
from graphllm.selection.degree import DegreeSelector
from graphllm.selection.pagerank import PageRankSelector
from graphllm.selection.random import RandomSelector
from graphllm.selection.text_length import TextLengthSelector

__all__ = [
    "SELECTORS",
    "ClusterDistanceSelector",
    "DegreeSelector",
    "PageRankSelector",
    "Pool",
    "RandomSelector",
    "SelectionContext",
    "Selector",
    "TextLengthSelector",
    "candidate_nodes",
    "get_selector",
    "parse_budget",
    "resolve_budget",
]
