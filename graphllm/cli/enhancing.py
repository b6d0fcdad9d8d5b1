"""From options in words to the objects that enhance a graph."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast, get_args

from torch_geometric.data import Data

from graphllm.cli import setup
from graphllm.cli.progress import Bars
from graphllm.enhance import (
    HybridNeighbors,
    JudgeNeighbors,
    Neighbors,
    OracleLLM,
    SimilarityNeighbors,
    oracle_template,
)
from graphllm.enhance.neighbors import InferenceNeighbors
from graphllm.errors import TextGraphError, UnknownNameError
from graphllm.llm import Budget, CachedLLM
from graphllm.prompts import Template, get_templates

ORACLE = "oracle"
NEIGHBORS = ("similarity", "judge", "hybrid", "uniform")


def check_neighbors(name: str) -> None:
    """Refuse an unknown way to choose neighbours.

    Raises:
        UnknownNameError: Listing the choices.
    """
    if name not in NEIGHBORS:
        raise UnknownNameError("neighbourhood", name, NEIGHBORS)


def neighbors(name: str, domain: str) -> Neighbors | None:
    """Whom enhanced nodes listen to; ``None`` for uniform neighbourhoods."""
    check_neighbors(name)
    if name == "uniform":
        return None
    if name == "similarity":
        return SimilarityNeighbors()
    judge = get_templates(["relevance_filter"], domain)[0]
    if name == "judge":
        return JudgeNeighbors(template=judge)
    return HybridNeighbors(template=judge)


def free_neighbors(name: str) -> InferenceNeighbors:
    """Whom nodes listen to without a language model.

    Raises:
        UnknownNameError: Listing the choices.
    """
    if name not in get_args(InferenceNeighbors):
        raise UnknownNameError(
            "inference neighbourhood", name, get_args(InferenceNeighbors)
        )
    return cast(InferenceNeighbors, name)


def templates(llm: str, prompts: list[str], domain: str) -> list[Template]:
    """The prompts; with the oracle its own, whatever was asked for."""
    return [oracle_template()] if llm == ORACLE else get_templates(prompts, domain)


@contextmanager
def open_model(
    spec: str,
    model: str | None,
    concurrency: int | None,
    budget: Budget,
    cache: Path | None,
    bars: Bars,
    data: Data,
) -> Iterator[CachedLLM | OracleLLM]:
    """A language model behind the answer cache, or the oracle of the data set.

    Raises:
        TextGraphError: If the oracle is asked for and there are no full texts.
    """
    if spec != ORACLE:
        with setup.open_llm(spec, model, concurrency, budget, cache, bars) as llm:
            yield llm
        return
    full_text = getattr(data, "full_text", None)
    if full_text is None:
        raise TextGraphError(
            "'--llm oracle' needs full texts, and this data set has none; 'pydocs' "
            "has, or take another model"
        )
    yield OracleLLM(full_text)
