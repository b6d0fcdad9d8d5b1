"""Which share of each block is removed: uniform, OWL, AlphaPruning."""

from graphllm.compress.allocate.alpha_pruning import AlphaPruning, alpha_ratios
from graphllm.compress.allocate.base import Allocation, Uniform
from graphllm.compress.allocate.heavy_tail import hill_alpha, spectrum
from graphllm.compress.allocate.owl import OWL, outlier_share, owl_ratios
from graphllm.compress.allocate.resolve import resolve_allocation

__all__ = [
    "OWL",
    "Allocation",
    "AlphaPruning",
    "Uniform",
    "alpha_ratios",
    "hill_alpha",
    "outlier_share",
    "owl_ratios",
    "resolve_allocation",
    "spectrum",
]
