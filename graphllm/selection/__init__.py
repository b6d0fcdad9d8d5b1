"""Active node selection: which nodes deserve a language model."""

from graphllm.selection.age import AGESelector
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
from graphllm.selection.combine import CombineSelector
from graphllm.selection.degree import DegreeSelector
from graphllm.selection.density import DensitySelector
from graphllm.selection.difficulty_aware import DifficultyAwareSelector
from graphllm.selection.disagreement import DisagreementSelector
from graphllm.selection.featprop import FeatPropSelector
from graphllm.selection.graphpart import GraphPartSelector
from graphllm.selection.kcenter import KCenterSelector
from graphllm.selection.low_homophily import LowHomophilySelector
from graphllm.selection.pagerank import PageRankSelector
from graphllm.selection.random import RandomSelector
from graphllm.selection.text_length import TextLengthSelector
from graphllm.selection.uncertainty import UncertaintySelector

__all__ = [
    "SELECTORS",
    "AGESelector",
    "ClusterDistanceSelector",
    "CombineSelector",
    "DegreeSelector",
    "DensitySelector",
    "DifficultyAwareSelector",
    "DisagreementSelector",
    "FeatPropSelector",
    "GraphPartSelector",
    "KCenterSelector",
    "LowHomophilySelector",
    "PageRankSelector",
    "Pool",
    "RandomSelector",
    "SelectionContext",
    "Selector",
    "TextLengthSelector",
    "UncertaintySelector",
    "candidate_nodes",
    "get_selector",
    "parse_budget",
    "resolve_budget",
]
