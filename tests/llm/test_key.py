import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.llm import Message, Request, request_key
from graphllm.llm.key import request_fields, request_from_fields

BASE = Request(
    (Message("system", "be brief"), Message("user", "hi")), template="expand@1"
)


def test_the_key_is_the_documented_hash():
    content = (
        '{"max_new_tokens":128,"messages":[["system","be brief"],["user","hi"]],'
        '"model":"m","seed":null,"stop":[],"temperature":0.0,"template":"expand@1",'
        '"top_p":1.0}'
    )
    expected = "v1:" + hashlib.sha256(content.encode()).hexdigest()
    assert request_key("m", BASE) == expected


# Guard 1: another model, prompt version, text or temperature is another key.
@pytest.mark.parametrize(
    "change",
    [
        {"messages": (Message("user", "hi"),)},
        {"messages": (Message("system", "be brief"), Message("user", "hi!"))},
        {"messages": (Message("user", "be brief"), Message("system", "hi"))},
        {"max_new_tokens": 64},
        {"temperature": 0.7},
        {"top_p": 0.9},
        {"seed": 1},
        {"stop": ("\n",)},
        {"template": "expand@2"},
    ],
)
def test_the_key_changes_with_the_question(change):
    assert request_key("m", replace(BASE, **change)) != request_key("m", BASE)


def test_the_key_changes_with_the_model_but_not_with_the_node():
    assert request_key("other", BASE) != request_key("m", BASE)
    assert request_key("m", replace(BASE, node=7)) == request_key("m", BASE)


def test_equal_numbers_of_other_types_are_one_question():
    same = replace(
        BASE, temperature=0, top_p=np.float64(1), max_new_tokens=np.int64(128)
    )
    assert request_key("m", same) == request_key("m", BASE)


@settings(max_examples=50, deadline=None)
@given(
    texts=st.lists(st.text(), min_size=1, max_size=3),
    temperature=st.floats(0, 2),
    seed=st.none() | st.integers(0, 2**40),
    stop=st.lists(st.text(), max_size=2),
)
def test_fields_survive_json(texts, temperature, seed, stop):
    request = Request(
        tuple(Message("user", text) for text in texts),
        temperature=temperature,
        seed=seed,
        stop=tuple(stop),
    )
    fields = json.loads(json.dumps(request_fields(request)))
    assert request_from_fields(fields) == request
    assert request_key("m", request_from_fields(fields)) == request_key("m", request)


def test_half_a_surrogate_pair_has_a_key():
    request = replace(BASE, messages=(Message("user", "cut \ud83d"),))
    assert request_key("m", request).startswith("v1:")


@pytest.mark.parametrize(
    "fields", [{}, {"messages": 3}, {**request_fields(BASE), "seed": "x"}]
)
def test_other_fields_are_refused(fields):
    with pytest.raises(ValueError, match="not a stored request"):
        request_from_fields(fields)
