import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.errors import PromptError
from graphllm.prompts.fields import field_names, fill, fill_some


def test_field_names():
    assert field_names("{text} and {labels}, {{not_a_field}}") == {"text", "labels"}


def test_fill_inserts_braces_as_they_are():
    assert fill("<{text}> {{}}", {"text": "{labels} {0} }{"}) == "<{labels} {0} }{> {}"


def test_fill_some_keeps_the_rest_for_later():
    partly = fill_some("{item} {{x}} {text}", {"item": "pap{e}r"})
    assert fill(partly, {"text": "T"}) == "pap{e}r {x} T"


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_two_steps_equal_one_step(item, text):
    pattern = "a {item} b {{c}} {text}"
    both = {"item": item, "text": text}
    assert fill(fill_some(pattern, {"item": item}), both) == fill(pattern, both)
    assert fill(pattern, both) == f"a {item} b {{c}} {text}"


def test_unknown_field_is_named_with_the_choices():
    with pytest.raises(PromptError, match=r"unknown field '\{txt\}'.*text"):
        fill("{txt}", {"text": ""})


@pytest.mark.parametrize("pattern", ["{text", "}", "{text.x}", "{text!r}", "{0}", "{}"])
def test_anything_but_plain_fields_is_refused(pattern):
    with pytest.raises(PromptError, match="a prompt"):
        field_names(pattern)
