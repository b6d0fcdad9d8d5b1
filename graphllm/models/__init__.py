"""Networks: a conventional GNN with room for a language model."""

from graphllm.models.backbones import BACKBONES, make_backbone, takes_edge_weight
from graphllm.models.ellagnn import ELLaGNN
from graphllm.models.fusion import fuse
from graphllm.models.layerwise import layerwise_inference
from graphllm.models.learned_fusion import AttentionFusion, GateFusion

__all__ = [
    "BACKBONES",
    "AttentionFusion",
    "ELLaGNN",
    "GateFusion",
    "fuse",
    "layerwise_inference",
    "make_backbone",
    "takes_edge_weight",
]
