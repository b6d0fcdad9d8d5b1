"""LLaGA: graph tokens in the input of a frozen language model."""

from graphllm.models.llaga.attribution import Explanation, explain
from graphllm.models.llaga.model import LLaGA
from graphllm.models.llaga.projector import GraphTokenProjector
from graphllm.models.llaga.published import load_published_projector
from graphllm.models.llaga.scoring import balance

__all__ = [
    "Explanation",
    "GraphTokenProjector",
    "LLaGA",
    "balance",
    "explain",
    "load_published_projector",
]
