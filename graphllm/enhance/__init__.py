"""Prompts x language model x encoder: enhanced node features."""

from graphllm.enhance.annotate import combine_votes, label_votes, post_filter
from graphllm.enhance.answers import Answer, Asker, Question, ask
from graphllm.enhance.attach import attach
from graphllm.enhance.controls import OracleLLM, oracle_template, shuffle_answers
from graphllm.enhance.enhancer import Enhancer, Plan
from graphllm.enhance.hybrid import HybridNeighbors
from graphllm.enhance.judge import JudgeNeighbors
from graphllm.enhance.neighborhoods import Neighborhoods, Neighbors
from graphllm.enhance.neighbors import (
    inference_weights,
    keep_edges,
    neighbor_similarity,
    neighbor_weights,
)
from graphllm.enhance.restrict import restrict
from graphllm.enhance.similarity import SimilarityNeighbors

__all__ = [
    "Answer",
    "Asker",
    "Enhancer",
    "HybridNeighbors",
    "JudgeNeighbors",
    "Neighborhoods",
    "Neighbors",
    "OracleLLM",
    "Plan",
    "Question",
    "SimilarityNeighbors",
    "ask",
    "attach",
    "combine_votes",
    "inference_weights",
    "keep_edges",
    "label_votes",
    "neighbor_similarity",
    "neighbor_weights",
    "oracle_template",
    "post_filter",
    "restrict",
    "shuffle_answers",
]
