"""Pruning: magnitude, Wanda, SparseGPT, with any ratio or N:M."""

from graphllm.compress.prune.inverse import inverse_factor
from graphllm.compress.prune.magnitude import Magnitude, magnitude_mask
from graphllm.compress.prune.pattern import nm_mask, parse_pattern
from graphllm.compress.prune.smallest import smallest
from graphllm.compress.prune.sparsegpt import SparseGPT, sparsegpt_
from graphllm.compress.prune.wanda import Wanda, wanda_mask

__all__ = [
    "Magnitude",
    "SparseGPT",
    "Wanda",
    "inverse_factor",
    "magnitude_mask",
    "nm_mask",
    "parse_pattern",
    "smallest",
    "sparsegpt_",
    "wanda_mask",
]
