"""Scores of edges: how much each one is worth keeping."""

from graphllm.sparsify.criteria.base import Criterion
from graphllm.sparsify.criteria.degree import degree
from graphllm.sparsify.criteria.effective_resistance import effective_resistance
from graphllm.sparsify.criteria.feature_cosine import feature_cosine
from graphllm.sparsify.criteria.forest_fire import forest_fire
from graphllm.sparsify.criteria.gradient_magnitude import gradient_magnitude
from graphllm.sparsify.criteria.jaccard import jaccard
from graphllm.sparsify.criteria.local_degree import local_degree
from graphllm.sparsify.criteria.local_similarity import local_similarity
from graphllm.sparsify.criteria.prediction_agreement import prediction_agreement
from graphllm.sparsify.criteria.random_score import random_score
from graphllm.sparsify.criteria.scan import scan

__all__ = [
    "Criterion",
    "degree",
    "effective_resistance",
    "feature_cosine",
    "forest_fire",
    "gradient_magnitude",
    "jaccard",
    "local_degree",
    "local_similarity",
    "prediction_agreement",
    "random_score",
    "scan",
]
