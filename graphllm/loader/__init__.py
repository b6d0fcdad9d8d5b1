"""Mini-batches of large graphs: sampled neighbourhoods with their features."""

from graphllm.loader.batch import make_batch
from graphllm.loader.neighbor_loader import NeighborLoader
from graphllm.loader.sampler import NeighborSampler

__all__ = ["NeighborLoader", "NeighborSampler", "make_batch"]
