import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.prompts import (
    Explained,
    NodeView,
    explanation,
    label_confidences,
    ranked_labels,
)

NAMES = ("Neural_Networks", "Probabilistic_Methods", "Rule_Learning", "Theory")
VIEW = NodeView(0, "text", label_names=NAMES)
TWO = ("Theory", "Neural_Networks")


@pytest.mark.parametrize(
    "answer",
    [
        '["Theory", "Neural_Networks"]',
        '["theory", "neural networks", "THEORY"]',
        '```json\n["Theory", "Neural Networks"]\n```',
        'I think ["Theory", "Neural Networks"] fit.',
        '[{"category": "Theory"}, {"category": "Neural_Networks"}]',
        '{"answer": ["Theory", "Neural_Networks"]}',
        "1. Theory\n2. Neural Networks",
        "1. **Theory**: it proves bounds\n2. Neural_Networks (perceptrons)",
        "Theory, Neural_Networks",
        "Theory > Neural Networks",
        "Theory; Neural Networks.",
        "Theory\nNeural Networks",
        "[Theory, Neural Networks]",
        "Categories: Theory, Neural_Networks",
        "The most likely categories are Theory, Neural_Networks.",
        "Based on the text:\nTheory, Neural_Networks",
        '["Theory", "Deep Learning", "Neural_Networks"]',
    ],
)
def test_ranked_labels_in_every_shape(answer):
    parsed = ranked_labels(answer, VIEW)
    assert parsed.ok
    assert parsed.value == TWO
    assert parsed.raw == answer


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "[]",
        "I'm sorry, I can't tell.",
        # the first choice is no class: the second must not move up
        '["Deep Learning", "Theory"]',
        "1. Deep Learning\n2. Theory",
        "Deep Learning, Theory",
        # mentions are no choices
        "The paper is not about Theory.",
        "It could be Theory or Neural_Networks",
        "The category is not Theory",
        "Theory of mind",
        "Theor",
        "[1, 2]",
        "[3]",
    ],
)
def test_ranked_labels_never_guess(answer):
    parsed = ranked_labels(answer, VIEW)
    assert (parsed.value, parsed.ok, parsed.raw) == (None, False, answer)


@pytest.mark.parametrize(
    "answer",
    [
        "Category: Theory\nReason: It proves bounds.",
        "Theory\nIt proves bounds.",
        "**Category:** Theory\n\n**Reason:** It proves bounds.",
        "Category: Theory. Reason: It proves bounds.",
        "Theory because It proves bounds.",
        "Sure!\nCategory: Theory\nReason: It proves\nbounds.",
    ],
)
def test_explanation(answer):
    parsed = explanation(answer, VIEW)
    assert parsed.ok
    assert parsed.value.labels == ("Theory",)
    assert parsed.value.reason.strip("* ") == "It proves bounds."


@pytest.mark.parametrize(
    "answer", ["Theory", "Reason: it proves bounds", "Magic\nIt is.", "", "Theory\n..."]
)
def test_explanation_needs_both_parts(answer):
    assert not explanation(answer, VIEW).ok


def test_explained_survives_json():
    value = Explained(("Theory",), "It proves.")
    assert json.loads(json.dumps(value)) == [["Theory"], "It proves."]


@pytest.mark.parametrize(
    "answer",
    [
        '[{"answer": "Theory", "confidence": 70}, {"answer": "Neural_Networks", "confidence": 30}]',
        '[{"label": "neural networks", "score": "30%"}, {"label": "theory", "score": 70}]',
        '{"Theory": 70, "Neural Networks": 30}',
        "Theory: 70%\nNeural Networks: 30%",
        "1. Theory (70)\n2. Neural_Networks (30)",
        "Theory: 70%, Neural Networks: 30%",
        "Theory - 70; Neural_Networks - 30",
    ],
)
def test_confidences_in_every_shape(answer):
    parsed = label_confidences(answer, VIEW)
    assert parsed.ok
    assert parsed.value == (("Theory", 70.0), ("Neural_Networks", 30.0))


# Guard 10: confidences stay in [0, 100].
def test_confidences_are_clamped_from_both_sides():
    answer = '{"Theory": 250, "Neural_Networks": 12.5, "Rule_Learning": -3}'
    assert label_confidences(answer, VIEW).value == (
        ("Theory", 100.0),
        ("Neural_Networks", 12.5),
        ("Rule_Learning", 0.0),
    )


def test_confidences_keep_shares_as_they_are():
    assert label_confidences('{"Theory": 0.7}', VIEW).value == (("Theory", 0.7),)


def test_the_higher_of_two_mentions_counts():
    answer = "Theory: 10\ntheory: 60"
    assert label_confidences(answer, VIEW).value == (("Theory", 60.0),)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "Theory",
        '{"Deep Learning": 90, "Theory": 10}',
        '{"Theory": NaN}',
        '{"Theory": Infinity}',
        '{"Theory": true}',
        '{"Theory": "high"}',
        '{"Theory": null}',
        "[70, 30]",
    ],
)
def test_confidences_never_guess(answer):
    parsed = label_confidences(answer, VIEW)
    assert (parsed.value, parsed.ok) == (None, False)


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.sampled_from(NAMES),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from((*NAMES, "answer", "confidence")), inner)
    ),
    max_leaves=8,
)


# Guard 10: ranked labels are labels.
@settings(max_examples=150, deadline=None)
@given(st.text(max_size=80) | VALUES.map(json.dumps))
def test_whatever_is_answered_only_class_names_come_out(answer):
    ranked = ranked_labels(answer, VIEW)
    assert ranked.raw == answer
    names = ranked.value or ()
    assert set(names) <= set(NAMES)
    assert len(set(names)) == len(names)
    for name, confidence in label_confidences(answer, VIEW).value or ():
        assert name in NAMES
        assert 0.0 <= confidence <= 100.0
    assert explanation(answer, VIEW).raw == answer


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6))
def test_order_is_kept_without_repetitions(names):
    expected = tuple(dict.fromkeys(names))
    for answer in (json.dumps(names), ", ".join(names), "\n".join(names)):
        assert ranked_labels(answer, VIEW).value == expected
