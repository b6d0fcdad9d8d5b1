"""Mini-batches of large graphs: sampled neighbourhoods and subgraphs."""

from graphllm.loader.batch import make_batch
from graphllm.loader.neighbor_loader import NeighborLoader
from graphllm.loader.sampler import NeighborSampler
from graphllm.loader.subgraphs import (
    BoundSubgraphs,
    ClusterParts,
    FullGraph,
    LayerSampled,
    NeighborSampled,
    RandomParts,
    SaintEdge,
    SaintNode,
    SaintWalk,
    Subgraphs,
)

__all__ = [
    "BoundSubgraphs",
    "ClusterParts",
    "FullGraph",
    "LayerSampled",
    "NeighborLoader",
    "NeighborSampled",
    "NeighborSampler",
    "RandomParts",
    "SaintEdge",
    "SaintNode",
    "SaintWalk",
    "Subgraphs",
    "make_batch",
]
