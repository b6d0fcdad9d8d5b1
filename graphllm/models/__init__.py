"""Networks: a conventional GNN with room for a language model."""

from graphllm.models.backbones import BACKBONES, make_backbone, takes_edge_weight
from graphllm.models.ellagnn import ELLaGNN
from graphllm.models.fusion import fuse

__all__ = ["BACKBONES", "ELLaGNN", "fuse", "make_backbone", "takes_edge_weight"]
