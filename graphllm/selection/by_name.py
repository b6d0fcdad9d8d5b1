"""Selectors by the names that the command line knows."""

from collections.abc import Callable
from functools import partial

from graphllm.errors import UnknownNameError
from graphllm.selection.age import AGESelector
from graphllm.selection.base import Selector
from graphllm.selection.cluster_distance import ClusterDistanceSelector
from graphllm.selection.degree import DegreeSelector
from graphllm.selection.density import DensitySelector
from graphllm.selection.difficulty_aware import DifficultyAwareSelector
from graphllm.selection.disagreement import DisagreementSelector
from graphllm.selection.featprop import FeatPropSelector
from graphllm.selection.graphpart import GraphPartSelector
from graphllm.selection.kcenter import KCenterSelector
from graphllm.selection.low_homophily import LowHomophilySelector
from graphllm.selection.pagerank import PageRankSelector
from graphllm.selection.random import RandomSelector
from graphllm.selection.text_length import TextLengthSelector
from graphllm.selection.uncertainty import UncertaintySelector


def _difficulty_pagerank() -> Selector:
    return DifficultyAwareSelector(PageRankSelector())


_BY_NAME: dict[str, Callable[[], Selector]] = {
    "age": AGESelector,
    "cluster-distance": ClusterDistanceSelector,
    "cluster-distance-far": partial(ClusterDistanceSelector, order="far"),
    "degree": DegreeSelector,
    "degree-distribution": partial(DegreeSelector, order="distribution"),
    "degree-low": partial(DegreeSelector, order="low"),
    "density": DensitySelector,
    "difficulty-pagerank": _difficulty_pagerank,
    "disagreement": DisagreementSelector,
    "featprop": FeatPropSelector,
    "graphpart": GraphPartSelector,
    "kcenter": KCenterSelector,
    "low-homophily": LowHomophilySelector,
    "pagerank": PageRankSelector,
    "random": RandomSelector,
    "text-length": TextLengthSelector,
    "text-length-long": partial(TextLengthSelector, order="long"),
    "uncertainty": UncertaintySelector,
    "uncertainty-mc": partial(UncertaintySelector, kind="mc_dropout"),
}

SELECTORS = tuple(_BY_NAME)


def get_selector(name: str) -> Selector:
    """Build a selector with its default arguments from its name.

    Meant for the command line; in Python, use the classes.

    Args:
        name (str): One of :obj:`SELECTORS`. A plain name means the first ``order``
            of its class: ``"degree"`` takes high degrees first,
            ``"cluster-distance"`` near nodes, ``"text-length"`` short texts.

    Returns:
        Selector: A new selector.

    Raises:
        UnknownNameError: If there is no such selector.
    """
    if name not in _BY_NAME:
        raise UnknownNameError("selector", name, SELECTORS)
    return _BY_NAME[name]()
