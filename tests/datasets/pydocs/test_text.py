import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphllm.datasets.pydocs.text import MAX_LENGTH, summary_of


@pytest.mark.parametrize(
    ("doc", "summary"),
    [
        ("One line.", "One line."),
        ("Over two\nlines.\n\nMore.", "Over two lines."),
        # signatures that C code puts in front
        ("sin(x, /, out=None,\n    *, where=True)\n\nSine of x.", "Sine of x."),
        ("choice(a, size=None)\n\n    Draw.", "Draw."),
        ("f(x)\nf(x, y) -> float\nDo it.", "Do it."),
        ("f(x, shape=(2, 3),\n  y)\nDo it.", "Do it."),
        ("f(x) is computed (fast).", "f(x) is computed (fast)."),
        # but not a sentence that ends in brackets
        ("Compute something (fast)", "Compute something (fast)"),
        (".. deprecated:: 1.2\n   Gone soon.\n\nStill here.", "Still here."),
        ("Fit as in [1]_ and [Chen2]_.", "Fit as in and."),
        ("Same as `numpy.linalg.svd` for matrices.", "Same as svd for matrices."),
        ("Uses :func:`~scipy.stats.norm` inside.", "Uses norm inside."),
        (
            "Convert a NumPy array to a pandas DataFrame.",
            "Convert a array to a DataFrame.",
        ),
        ("The scikit-learn way, with np.sum .", "The way, with sum."),
        ("A networkx's graph, not anpy thing.", "A graph, not anpy thing."),
        ("f(x)", ""),
        ("", ""),
    ],
)
def test_summary(doc, summary):
    assert summary_of(doc) == summary


def test_long_summaries_are_cut_at_a_word():
    text = summary_of("wording " * 100)
    assert MAX_LENGTH - 8 <= len(text) <= MAX_LENGTH
    assert set(text.split()) == {"wording"}


@given(st.text(max_size=400))
def test_any_docstring_gives_one_short_line(doc):
    summary = summary_of(doc)
    assert len(summary) <= MAX_LENGTH
    assert "\n" not in summary
    assert not {"numpy", "scipy", "pandas"} & set(summary.lower().split())
