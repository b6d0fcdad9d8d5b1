import pytest

from graphllm.cli.enhancing import (
    free_neighbors,
    neighbors,
    open_model,
    templates,
)
from graphllm.cli.progress import Bars
from graphllm.enhance import HybridNeighbors, JudgeNeighbors, SimilarityNeighbors
from graphllm.errors import TextGraphError, UnknownNameError
from graphllm.llm import Budget, Message, Request


def test_neighbourhoods_by_name():
    assert neighbors("uniform", "generic") is None
    assert neighbors("similarity", "generic") == SimilarityNeighbors()
    judge, hybrid = neighbors("judge", "citation"), neighbors("hybrid", "citation")
    assert isinstance(judge, JudgeNeighbors)
    assert isinstance(hybrid, HybridNeighbors)
    # The judge is asked in the words of the domain.
    assert "paper" in judge.template.user.lower()
    assert judge.template == hybrid.template
    with pytest.raises(UnknownNameError, match="similarity"):
        neighbors("friends", "generic")


def test_neighbourhoods_without_a_language_model():
    assert free_neighbors("encoder") == "encoder"
    with pytest.raises(UnknownNameError, match="encoder"):
        free_neighbors("friends")


def test_the_oracle_brings_its_own_prompt():
    assert [t.name for t in templates("oracle", ["expand"], "generic")] == ["oracle"]
    assert [t.name for t in templates("smollm2", ["expand"], "wiki")] == ["expand"]


def test_the_oracle_answers_with_the_full_text(tiny):
    tiny.full_text = [f"all about {n}" for n in range(tiny.num_nodes)]
    with (
        Bars() as bars,
        open_model("oracle", None, None, Budget(), None, bars, tiny) as llm,
    ):
        answer = llm.complete([Request((Message("user", "?"),), node=3)])[0]
    assert answer.text == "all about 3"


def test_the_oracle_needs_full_texts(tiny):
    with Bars() as bars, pytest.raises(TextGraphError, match="full texts"):
        with open_model("oracle", None, None, Budget(), None, bars, tiny):
            pass
