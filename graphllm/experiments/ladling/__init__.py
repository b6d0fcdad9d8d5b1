"""Graph Ladling: ingredients trained apart, merged into one network."""

from graphllm.experiments.ladling.arms import METHODS, NOTES
from graphllm.experiments.ladling.ingredient import Ingredient, train_ingredient
from graphllm.experiments.ladling.recipe import (
    Factory,
    Plain,
    Recipe,
    bare_graph,
    initial_state,
    plain_factory,
)
from graphllm.experiments.ladling.run import run_ladling
from graphllm.experiments.ladling.runners import (
    InProcess,
    Job,
    Processes,
    Ray,
    Runner,
    Vmapped,
    can_stack,
)
from graphllm.experiments.ladling.souping import Scorer

__all__ = [
    "METHODS",
    "NOTES",
    "Factory",
    "InProcess",
    "Ingredient",
    "Job",
    "Plain",
    "Processes",
    "Ray",
    "Recipe",
    "Runner",
    "Scorer",
    "Vmapped",
    "bare_graph",
    "can_stack",
    "initial_state",
    "plain_factory",
    "run_ladling",
    "train_ingredient",
]
