import pytest

from graphllm.errors import PromptError, UnknownNameError
from graphllm.prompts import (
    DOMAINS,
    Domain,
    GraphPrompt,
    classification_prompt,
    description_prompt,
    link_prompt,
    text_only,
    with_text,
)

NAMES = ["theory", "rule, learning", "x"]


def prompt(question="<graph>", **changes):
    return GraphPrompt(
        **{"name": "p", "system": "s", "instruction": "i", "question": question}
        | changes
    )


def test_places_are_counted():
    assert prompt("a <graph> b <graph>").num_graphs == 2
    assert not prompt().has_text
    both = prompt("<graph> <text>")
    assert both.has_text
    assert both.num_graphs == 1
    assert prompt("<text>").num_graphs == 0


def test_the_chat():
    chat = prompt("q <graph>").messages
    assert [(turn.role, turn.content) for turn in chat] == [
        ("system", "s"),
        ("user", "i\nq <graph>"),
    ]
    assert [turn.role for turn in prompt(system="").messages] == ["user"]


def test_prompts_are_keys():
    listed = prompt(candidates=["a", "b"])
    assert listed == prompt(candidates=("a", "b"))
    assert listed.candidates == ("a", "b")
    assert {listed: 1}[prompt(candidates=("a", "b"))] == 1


@pytest.mark.parametrize("words", DOMAINS)
def test_classification_names_every_class_on_its_line(words):
    found = classification_prompt(NAMES, words.name)
    lines = found.instruction.splitlines()
    assert [line for line in lines if line.startswith("- ")] == [
        "- theory",
        "- rule, learning",
        "- x",
    ]
    assert found.candidates == tuple(NAMES)
    assert found.num_graphs == 1
    assert not found.has_text


@pytest.mark.parametrize("words", DOMAINS)
def test_links_and_descriptions(words):
    links, described = link_prompt(words.name), description_prompt(words.name)
    assert links.num_graphs == 2
    assert links.candidates == ("yes", "no")
    assert described.num_graphs == 1
    assert described.candidates == ()
    for each in (links, described):
        assert words.relation in each.instruction
        assert words.items in each.instruction


def test_a_domain_of_ones_own():
    own = Domain("own", "song", "songs", "style", "by the same hand")
    found = link_prompt(own)
    assert "Each node is one song; its surroundings are songs by" in found.instruction
    with pytest.raises(UnknownNameError):
        link_prompt("nowhere")


def test_with_and_without_the_graph():
    plain = classification_prompt(NAMES)
    quoting = with_text(plain)
    assert quoting.num_graphs == 1
    assert quoting.has_text
    assert quoting.question.startswith(plain.question)
    assert (quoting.name, quoting.candidates) == ("nc+text", plain.candidates)
    alone = text_only(quoting)
    assert alone.num_graphs == 0
    assert alone.has_text
    assert alone.system == ""
    assert alone.instruction == plain.instruction
    with pytest.raises(PromptError, match="more than once"):
        with_text(quoting)


@pytest.mark.parametrize("place", ["<graph>", "<text>"])
@pytest.mark.parametrize("part", ["system", "instruction"])
def test_places_in_the_constant_part(place, part):
    with pytest.raises(PromptError, match=f"'{place}' belongs into the question"):
        prompt(**{part: f"a {place} b"})


def test_a_class_that_looks_like_a_place():
    with pytest.raises(PromptError, match="in the name of a class"):
        classification_prompt(["a", "<text>"])


def test_questions_that_cannot_be():
    with pytest.raises(PromptError, match="has neither '<graph>' nor '<text>'"):
        prompt("what?")
    with pytest.raises(PromptError, match="'<text>' must come after '<graph>'"):
        prompt("<text> of <graph>")
    with pytest.raises(PromptError, match="quotes '<text>' more than once"):
        prompt("<graph> <text> <text>")


@pytest.mark.parametrize("candidates", [("a", "a"), ("a", ""), ("a", " ")])
def test_candidates_that_cannot_be(candidates):
    with pytest.raises(PromptError, match="must be distinct and not empty"):
        prompt(candidates=candidates)


def test_no_classes():
    with pytest.raises(PromptError, match="needs the names of the classes"):
        classification_prompt([])
