"""Mixture-of-graphs sparsification: which edges a GNN can do without."""

from graphllm.sparsify import criteria
from graphllm.sparsify.base import Sparsifier, SparsifyOutput
from graphllm.sparsify.baselines import (
    SCAN,
    EffectiveResistance,
    FeatureCosine,
    ForestFire,
    Jaccard,
    LocalDegree,
    LocalSimilarity,
    RandomSparsifier,
)
from graphllm.sparsify.expert import SparsifierExperts
from graphllm.sparsify.grassmann import GrassmannMixer
from graphllm.sparsify.learned_mask import LearnedMask
from graphllm.sparsify.masked_aggregation import MaskedAggregation
from graphllm.sparsify.masking import mask_messages, masked_forward
from graphllm.sparsify.mog import MoG
from graphllm.sparsify.mog_sparsifier import MoGSparsifier
from graphllm.sparsify.priors import AddEdgePriors
from graphllm.sparsify.router import NoisyTopKRouter
from graphllm.sparsify.score_sparsifier import ScoreSparsifier
from graphllm.sparsify.sparsified import SparsifiedGNN

__all__ = [
    "SCAN",
    "AddEdgePriors",
    "EffectiveResistance",
    "FeatureCosine",
    "ForestFire",
    "GrassmannMixer",
    "Jaccard",
    "LearnedMask",
    "LocalDegree",
    "LocalSimilarity",
    "MaskedAggregation",
    "MoG",
    "MoGSparsifier",
    "NoisyTopKRouter",
    "RandomSparsifier",
    "ScoreSparsifier",
    "SparsifiedGNN",
    "Sparsifier",
    "SparsifierExperts",
    "SparsifyOutput",
    "criteria",
    "mask_messages",
    "masked_forward",
]
