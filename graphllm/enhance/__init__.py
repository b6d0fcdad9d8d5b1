"""Prompts x language model x encoder: enhanced node features."""

from graphllm.enhance.answers import Answer, Question, ask
from graphllm.enhance.controls import OracleLLM, oracle_template, shuffle_answers
from graphllm.enhance.enhancer import Enhancer, Plan, attach
from graphllm.enhance.neighbors import (
    keep_edges,
    neighbor_similarity,
    neighbor_weights,
)
from graphllm.enhance.restrict import restrict

__all__ = [
    "Answer",
    "Enhancer",
    "OracleLLM",
    "Plan",
    "Question",
    "ask",
    "attach",
    "keep_edges",
    "neighbor_similarity",
    "neighbor_weights",
    "oracle_template",
    "restrict",
    "shuffle_answers",
]
