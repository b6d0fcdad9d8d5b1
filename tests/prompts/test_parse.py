import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.prompts import NodeView, keyword_list, neighbor_numbers, prose

VIEW = NodeView(0, "text", neighbors=("a", "b", "c"))


def test_prose_drops_the_wrapping_and_keeps_raw():
    answer = 'Sure! Here is a summary:\n\n"Bread  rises\nby yeast."\n'
    parsed = prose(answer, VIEW)
    assert (parsed.value, parsed.ok, parsed.raw) == (
        "Bread rises by yeast.",
        True,
        answer,
    )


@pytest.mark.parametrize(
    "answer", ["", "  \n", "...", "123", "I'm sorry, I can't.", "``"]
)
def test_prose_refuses(answer):
    parsed = prose(answer, VIEW)
    assert (parsed.value, parsed.ok, parsed.raw) == (None, False, answer)


@pytest.mark.parametrize(
    "answer",
    [
        '["bread", "wild yeast", "oven"]',
        '```json\n["bread", "wild yeast", "oven"]\n```',
        'Here are the keywords: ["bread", "wild yeast", "oven"] as asked.',
        '["bread", "wild yeast", "oven", "unfinis',
        "bread, wild yeast, oven",
        "Keywords: bread; wild yeast; oven.",
        "1. bread\n2. wild yeast\n3. **oven**",
        "The terms are:\n- bread: baked dough\n- wild yeast: fungi\n- oven",
        "bread\nwild yeast\noven",
        "bread, Bread, BREAD, wild yeast, oven",
    ],
)
def test_keywords_in_every_shape(answer):
    parsed = keyword_list(answer, VIEW)
    assert parsed.ok
    assert parsed.value == ("bread", "wild yeast", "oven")


def test_keywords_leave_sentences_and_numbers_out():
    answer = "yeast, this long remark is surely not one keyword, 42, oven"
    assert keyword_list(answer, VIEW).value == ("yeast", "oven")


@pytest.mark.parametrize(
    "answer", ["", "1, 2, 3", "As an AI, I have none", "[1, 2]", "[]", "word " * 9]
)
def test_keywords_refuse(answer):
    assert not keyword_list(answer, VIEW).ok


def test_keywords_are_bounded():
    parsed = keyword_list(", ".join(f"term{i}" for i in range(100)), VIEW)
    assert len(parsed.value) == 24


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("[1, 3]", (1, 3)),
        ('["3", 1, 1]', (1, 3)),
        ("The relevant ones: [2]. Good.", (2,)),
        ("1 and 3", (1, 3)),
        ("Numbers 3, 1.", (1, 3)),
        ("1. 2\n2. 3", (2, 3)),
        ("[0, 2, 4, 99]", (2,)),
        ("[]", ()),
        ("None.", ()),
    ],
)
def test_neighbor_numbers(answer, expected):
    parsed = neighbor_numbers(answer, VIEW)
    assert parsed.ok
    assert parsed.value == expected


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "[7]",
        "[true, 1.0]",
        "1-3",
        "The 3 most relevant are many.",
        "1. a",
        "1. a text\n2. another",
        "all of them",
    ],
)
def test_neighbor_numbers_never_guess(answer):
    parsed = neighbor_numbers(answer, VIEW)
    assert (parsed.value, parsed.ok) == (None, False)


@settings(max_examples=100, deadline=None)
@given(
    st.text(max_size=80) | st.lists(st.integers() | st.text(max_size=4)).map(json.dumps)
)
def test_readers_take_anything(answer):
    for reader in (prose, keyword_list, neighbor_numbers):
        parsed = reader(answer, VIEW)
        assert parsed.raw == answer
        assert parsed.ok == (parsed.value is not None)
    numbers = neighbor_numbers(answer, VIEW).value or ()
    assert set(numbers) <= {1, 2, 3}
