import pytest
import torch

from graphllm.errors import UnknownNameError
from graphllm.selection import (
    SELECTORS,
    AGESelector,
    ClusterDistanceSelector,
    DegreeSelector,
    DensitySelector,
    DifficultyAwareSelector,
    DisagreementSelector,
    FeatPropSelector,
    GraphPartSelector,
    KCenterSelector,
    LowHomophilySelector,
    PageRankSelector,
    RandomSelector,
    SelectionContext,
    TextLengthSelector,
    UncertaintySelector,
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
        ("age", AGESelector, None),
        ("density", DensitySelector, None),
        ("difficulty-pagerank", DifficultyAwareSelector, None),
        ("disagreement", DisagreementSelector, None),
        ("featprop", FeatPropSelector, None),
        ("graphpart", GraphPartSelector, None),
        ("kcenter", KCenterSelector, None),
        ("low-homophily", LowHomophilySelector, None),
        ("uncertainty", UncertaintySelector, None),
        ("uncertainty-mc", UncertaintySelector, None),
    ],
)
def test_every_name_builds_what_it_says(name, kind, order):
    selector = get_selector(name)
    assert type(selector) is kind
    assert getattr(selector, "order", None) == order
    assert get_selector(name) is not selector


def test_there_are_nineteen_names():
    assert len(set(SELECTORS)) == len(SELECTORS) == 19


def test_names_with_arguments():
    assert get_selector("uncertainty").kind == "entropy"
    assert get_selector("uncertainty-mc").kind == "mc_dropout"
    assert isinstance(get_selector("difficulty-pagerank").base, PageRankSelector)
    assert get_selector("difficulty-pagerank").alpha == 0.33


@pytest.mark.parametrize("name", SELECTORS)
def test_every_name_chooses_by_itself(sbm, name):
    context = SelectionContext(features=torch.randn(60, 4))
    small, large = (get_selector(name)(sbm, count, context) for count in (3, 9))
    assert (small.numel(), large.numel()) == (3, 9)
    assert set(small.tolist()) < set(large.tolist())


def test_an_unknown_name_lists_the_choices():
    with pytest.raises(UnknownNameError, match="unknown selector 'pagerakn'") as info:
        get_selector("pagerakn")
    assert "Did you mean 'pagerank'?" in str(info.value)
    for name in SELECTORS:
        assert name in str(info.value)
