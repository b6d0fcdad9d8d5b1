"""Graph Ladling: ingredients trained apart, merged into one network."""

from graphllm.experiments.bare_graph import bare_graph
from graphllm.experiments.ladling.arms import METHODS, NOTES
from graphllm.experiments.ladling.ingredient import Ingredient, train_ingredient
from graphllm.experiments.ladling.networks import InELLaGNN, InMoG
from graphllm.experiments.ladling.reading import Reader
from graphllm.experiments.ladling.recipe import (
    Factory,
    Plain,
    Recipe,
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
    "InELLaGNN",
    "InMoG",
    "InProcess",
    "Ingredient",
    "Job",
    "Plain",
    "Processes",
    "Ray",
    "Reader",
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
