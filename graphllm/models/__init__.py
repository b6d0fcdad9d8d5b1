"""Networks: a conventional GNN with room for a language model, and the reverse.

:class:`LLaGA` brings transformers with it, which loads when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from graphllm.models.backbones import BACKBONES, make_backbone, takes_edge_weight
from graphllm.models.ellagnn import ELLaGNN
from graphllm.models.fusion import fuse
from graphllm.models.layerwise import layerwise_inference
from graphllm.models.learned_fusion import AttentionFusion, GateFusion

if TYPE_CHECKING:
    from graphllm.models.llaga import GraphTokenProjector as GraphTokenProjector
    from graphllm.models.llaga import LLaGA as LLaGA

__all__ = [
    "BACKBONES",
    "AttentionFusion",
    "ELLaGNN",
    "GateFusion",
    "GraphTokenProjector",
    "LLaGA",
    "fuse",
    "layerwise_inference",
    "make_backbone",
    "takes_edge_weight",
]

_LAZY = ("GraphTokenProjector", "LLaGA")


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module("graphllm.models.llaga"), name)
    raise AttributeError(f"module 'graphllm.models' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
