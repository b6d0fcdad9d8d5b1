"""The LLaGA experiment: nodes, links, descriptions, and transfer between graphs."""

from graphllm.experiments.llaga.description import run_llaga_descriptions
from graphllm.experiments.llaga.fit import fit_llaga
from graphllm.experiments.llaga.links import LINK_ARMS, run_llaga_links
from graphllm.experiments.llaga.nodes import NODE_ARMS, run_llaga_nodes
from graphllm.experiments.llaga.questions import (
    Questions,
    description_questions,
    generate_answers,
    link_questions,
    node_questions,
    score_questions,
)
from graphllm.experiments.llaga.state import LLaGAFit
from graphllm.experiments.llaga.trained import LanguageModel
from graphllm.experiments.llaga.training import LLaGATraining
from graphllm.experiments.llaga.transfer import run_llaga_transfer

__all__ = [
    "LINK_ARMS",
    "NODE_ARMS",
    "LLaGAFit",
    "LLaGATraining",
    "LanguageModel",
    "Questions",
    "description_questions",
    "fit_llaga",
    "generate_answers",
    "link_questions",
    "node_questions",
    "run_llaga_descriptions",
    "run_llaga_links",
    "run_llaga_nodes",
    "run_llaga_transfer",
    "score_questions",
]
