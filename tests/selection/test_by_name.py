import pytest

from graphllm.errors import UnknownNameError
from graphllm.selection import (
    SELECTORS,
    ClusterDistanceSelector,
    DegreeSelector,
    PageRankSelector,
    RandomSelector,
    TextLengthSelector,
    get_selector,
)


@pytest.mark.parametrize(
    ("name", "kind", "order"),
    [
        ("random", RandomSelector, None),
        ("pagerank", PageRankSelector, None),
        ("degree", DegreeSelector, "high"),
        ("degree-low", DegreeSelector, "low"),
        ("degree-distribution", DegreeSelector, "distribution"),
        ("cluster-distance", ClusterDistanceSelector, "near"),
        ("cluster-distance-far", ClusterDistanceSelector, "far"),
        ("text-length", TextLengthSelector, "short"),
        ("text-length-long", TextLengthSelector, "long"),
    ],
)
def test_every_name_builds_what_it_says(name, kind, order):
    selector = get_selector(name)
    assert type(selector) is kind
    assert getattr(selector, "order", None) == order
    assert get_selector(name) is not selector


def test_there_are_nine_names():
    assert len(set(SELECTORS)) == len(SELECTORS) == 9


def test_an_unknown_name_lists_the_choices():
    with pytest.raises(UnknownNameError, match="unknown selector 'pagerakn'") as info:
        get_selector("pagerakn")
    assert "Did you mean 'pagerank'?" in str(info.value)
    for name in SELECTORS:
        assert name in str(info.value)
