"""Schemes of training on subgraphs: how the batches of an epoch are drawn."""

from graphllm.loader.subgraphs.base import BoundSubgraphs, Subgraphs
from graphllm.loader.subgraphs.cluster import ClusterParts
from graphllm.loader.subgraphs.full import FullGraph
from graphllm.loader.subgraphs.layer import LayerSampled
from graphllm.loader.subgraphs.neighbor import NeighborSampled
from graphllm.loader.subgraphs.parts import RandomParts
from graphllm.loader.subgraphs.saint_edge import SaintEdge
from graphllm.loader.subgraphs.saint_node import SaintNode
from graphllm.loader.subgraphs.saint_walk import SaintWalk

__all__ = [
    "BoundSubgraphs",
    "ClusterParts",
    "FullGraph",
    "LayerSampled",
    "NeighborSampled",
    "RandomParts",
    "SaintEdge",
    "SaintNode",
    "SaintWalk",
    "Subgraphs",
]
