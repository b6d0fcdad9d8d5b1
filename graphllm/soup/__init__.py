"""Soups: several trained networks merged into one, on state dicts."""

from graphllm.soup.average import average, interpolate
from graphllm.soup.barrier import Barrier, loss_barrier
from graphllm.soup.batchnorm import recalibrate_batchnorm
from graphllm.soup.greedy import greedy_soup, uniform_soup
from graphllm.soup.ingredient import Ingredient, load_ingredient, save_ingredient
from graphllm.soup.interpolated import greedy_interpolated_soup
from graphllm.soup.learned import LearnedSoup, learned_soup, partition_learned_soup
from graphllm.soup.permutation import PermutationSpec, align_permutation
from graphllm.soup.result import Evaluate, EvaluateMany, Score, SoupResult, Step
from graphllm.soup.slerp import slerp
from graphllm.soup.state import StateDict
from graphllm.soup.task_vectors import dare, task_arithmetic, ties

__all__ = [
    "Barrier",
    "Evaluate",
    "EvaluateMany",
    "Ingredient",
    "LearnedSoup",
    "PermutationSpec",
    "Score",
    "SoupResult",
    "StateDict",
    "Step",
    "align_permutation",
    "average",
    "dare",
    "greedy_interpolated_soup",
    "greedy_soup",
    "interpolate",
    "learned_soup",
    "load_ingredient",
    "loss_barrier",
    "partition_learned_soup",
    "recalibrate_batchnorm",
    "save_ingredient",
    "slerp",
    "task_arithmetic",
    "ties",
    "uniform_soup",
]
