import itertools

import pytest
import torch
import torch.nn.functional as F

from graphllm.experiments.llaga.sentences import names_label, sentence_metrics

NAMES = ["Art", "Machine Learning", "Learning", "C++ (language)"]


@pytest.mark.parametrize(
    ("answer", "label", "named"),
    [
        ("Art: a painter.", "Art", True),
        ("about ART", "Art", True),
        ("An article", "Art", False),
        ("Machine learning: nets.", "Machine Learning", True),
        ("Machine learning: nets.", "Learning", False),
        ("Learning: habits.", "Learning", True),
        ("Art and machine learning", "Art", False),
        ("c++ (LANGUAGE): templates.", "C++ (language)", True),
        ("", "Art", False),
    ],
)
def test_names_the_label_and_no_other(answer, label, named):
    assert names_label(answer, label, NAMES) is named


def lengths(texts):
    """Two numbers a text: letters and words."""
    return torch.tensor([[float(len(t)), 5.0 * len(t.split())] for t in texts])


def test_equals_brute_force():
    answers = ["Art: one", "Learning", "", "Art: two words more"]
    references = ["Art: one", "Learning: a lot of words", "Art: x", "Learning: y"]
    labels = ["Art", "Learning", "Art", "Learning"]
    found = sentence_metrics(answers, references, labels, NAMES, lengths)
    cosine = F.cosine_similarity(lengths(answers), lengths(references))
    assert found["llaga"]["test_cosine"] == pytest.approx(float(cosine.mean()))
    # The empty answer names nothing, the last one another label.
    assert found["llaga"]["test_label_contained"] == 0.5
    rows = lengths(references)
    level = [
        float(F.cosine_similarity(rows[i], rows[j], dim=0))
        for i, j in itertools.permutations(range(4), 2)
    ]
    expected = sum(level) / len(level)
    assert found["reference_level"] == {"test_cosine": pytest.approx(expected)}


def test_shuffled_answers_meet_another_node():
    names = [f"n{i}" for i in range(5)]
    # Orthogonal sentences, and answers that are all right.
    encode = lambda texts: torch.eye(5)[[int(t[1:]) for t in texts]]  # noqa: E731
    draws = set()
    for seed in range(20):
        found = sentence_metrics(names, names, names, names, encode, seed=seed)
        perfect = {"test_cosine": 1.0, "test_label_contained": 1.0}
        assert found["llaga"] == perfect
        assert found["shuffled"] == {"test_cosine": 0.0, "test_label_contained": 0.0}
        assert found["reference_level"] == {"test_cosine": 0.0}
        # Which one it meets can be told where one other sentence is alike.
        alike = lambda texts: torch.eye(5)[[int(t[1:]) // 2 for t in texts]]  # noqa: E731
        again = sentence_metrics(names, names, names, names, alike, seed=seed)
        draws.add(again["shuffled"]["test_cosine"])
    assert len(draws) > 1
