"""Weights as products of thin matrices."""

from graphllm.compress.lowrank.factorize import factorize, spectrum
from graphllm.compress.lowrank.linear import LowRankLinear
from graphllm.compress.lowrank.ranks import uniform_ranks, welore_ranks
from graphllm.compress.lowrank.reduce import merge
from graphllm.compress.lowrank.uniform import UniformSVD
from graphllm.compress.lowrank.welore import WeLore

__all__ = [
    "LowRankLinear",
    "UniformSVD",
    "WeLore",
    "factorize",
    "merge",
    "spectrum",
    "uniform_ranks",
    "welore_ranks",
]
