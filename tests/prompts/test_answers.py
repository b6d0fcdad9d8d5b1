import pytest

from graphllm.prompts.answers import (
    body,
    is_refusal,
    json_values,
    list_items,
    strip_marks,
)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("  plain \n", "plain"),
        ('```json\n["a"]\n```', '["a"]'),
        ("```\na\nb\n```", "a\nb"),
        ("Sure! Here is the summary:\nIt rains.", "It rains."),
        ("Certainly, the field is optics.", "the field is optics."),
        ("Here are the keywords: a, b", "a, b"),
        ("Here's a list:\n1. a", "1. a"),
        # nothing follows: nothing is dropped
        ("Sure!", "Sure!"),
        ("Here is the answer:", "Here is the answer:"),
        # not an opening
        ("Surely it rains: often.", "Surely it rains: often."),
        ("Here we study trees: oaks.", "Here we study trees: oaks."),
        ("", ""),
    ],
)
def test_body(answer, expected):
    assert body(answer) == expected


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I am sorry.",
        "As an AI language model, I do not browse.",
        "I cannot determine the category.",
        "I don't have enough information.",
        "Sorry, no.",
        "Please provide the text.",
        "No text was given.",
        "**Unfortunately**, this is unclear.",
    ],
)
def test_refusals(text):
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "I can see two methods here.",
        "As an iterative solver, it needs a preconditioner.",
        "Image restoration by priors.",
        "The authors are sorry for nothing.",
        "",
    ],
)
def test_no_refusals(text):
    assert not is_refusal(text)


def test_json_values_finds_values_inside_text():
    text = 'The list [not json] is {"a": [1]} and ["b", 2] and [3'
    assert list(json_values(text)) == [{"a": [1]}, ["b", 2]]


def test_json_values_survives_deep_nesting():
    assert list(json_values("[" * 3000)) == []


def test_list_items_of_all_bullets():
    text = "Intro:\n1. one\n2) two\n(3) three\n- four\n* five\n• six\nend"
    assert list_items(text) == ["one", "two", "three", "four", "five", "six"]
    assert list_items("a 1. b\n2.5 litres") == []


def test_strip_marks():
    assert strip_marks(' **"Theory"**. ') == "Theory"
    assert strip_marks("`k-means`,") == "k-means"
