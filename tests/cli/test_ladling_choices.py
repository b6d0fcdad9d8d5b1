import inspect
from types import SimpleNamespace

import pytest

from graphllm.cli.ladling import ladling
from graphllm.cli.ladling_choices import (
    check_model,
    factory_of,
    methods_of,
    recipe_of,
    runner_of,
    subgraphs_of,
)
from graphllm.errors import MissingExtraError
from graphllm.experiments.ladling import (
    METHODS,
    InELLaGNN,
    InMoG,
    InProcess,
    Plain,
    Processes,
    Ray,
    Recipe,
    Vmapped,
    run_ladling,
)
from graphllm.loader import (
    ClusterParts,
    FullGraph,
    LayerSampled,
    NeighborSampled,
    RandomParts,
    SaintEdge,
    SaintNode,
    SaintWalk,
)


@pytest.fixture
def given():
    """The defaults of the command."""
    signature = inspect.signature(ladling).parameters
    options = {name: parameter.default for name, parameter in signature.items()}
    return SimpleNamespace(**options)


def test_the_defaults_are_those_of_the_library(given):
    assert recipe_of(given, 100, 400) == Recipe()
    assert methods_of(given.methods) == METHODS
    assert runner_of(given) is None
    defaults = inspect.signature(run_ladling).parameters
    assert given.ingredients == defaults["num_ingredients"].default
    assert given.granularity == defaults["granularity"].default
    assert given.seeds == len(defaults["seeds"].default)
    plain = Plain(Recipe(), 4, 3)
    assert factory_of(given, plain) is plain


def test_every_option_of_the_recipe_arrives(given):
    given.backbone, given.layers, given.hidden, given.dropout = "sage", 3, 16, 0.2
    given.norm, given.lr, given.weight_decay = "batch_norm", 0.02, 0.1
    given.epochs, given.patience, given.eval_every = 9, 8, 7
    network = ("sage", 3, 16, 0.2, "batch_norm")
    assert recipe_of(given, 9, 9) == Recipe(*network, 0.02, 0.1, 9, 8, 7)


def test_methods_keep_the_order_of_the_experiment():
    assert methods_of("gis, uniform,gis") == ("uniform", "gis")


@pytest.mark.parametrize(
    ("options", "runner"),
    [
        ({"runner": "vmap"}, Vmapped()),
        ({"runner": "inprocess"}, InProcess()),
        ({"runner": "processes"}, Processes(2)),
        ({"workers": 3}, Processes(3)),
        ({"runner": "processes", "workers": 1}, Processes(1)),
        ({"ray": "auto"}, Ray("auto")),
        ({"runner": "ray", "workers": 4}, Ray(None, num_cpus=4)),
    ],
)
def test_who_trains(given, options, runner, monkeypatch):
    monkeypatch.setattr("graphllm.cli.ladling_choices.require", lambda *args: None)
    vars(given).update(options)
    assert runner_of(given) == runner


def test_ray_that_is_not_there_is_said_before_anything_is_loaded(given, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    given.runner = "ray"
    with pytest.raises(MissingExtraError, match=r"graphllm\[ray\]"):
        runner_of(given)


@pytest.mark.parametrize(
    ("loader", "options", "subgraphs"),
    [
        ("full", {}, FullGraph()),
        ("neighbor", {"layers": 3}, NeighborSampled((15, 10, 10), 1024)),
        (
            "neighbor",
            {"fan_out": "5,-1", "batch_size": 7},
            NeighborSampled((5, -1), 7),
        ),
        ("fastgcn", {}, LayerSampled("fastgcn", (512, 512), 512)),
        ("ladies", {"fan_out": "64,32"}, LayerSampled("ladies", (64, 32), 512)),
        ("saint-node", {}, SaintNode(200)),
        ("saint-edge", {}, SaintEdge(800)),
        ("saint-walk", {}, SaintWalk(100)),
        ("saint-walk", {"batch_size": 30}, SaintWalk(30)),
        ("cluster", {}, ClusterParts(20, 4)),
        ("cluster", {"parts": 40, "parts_per_batch": 3}, ClusterParts(40, 3)),
        ("random-parts", {}, RandomParts()),
        ("random-parts", {"parts": 4}, RandomParts(4, 2)),
    ],
)
def test_subgraphs_fit_a_graph_of_a_thousand_nodes(given, loader, options, subgraphs):
    vars(given).update(options, loader=loader)
    assert subgraphs_of(given, 1000, 4000) == subgraphs


def test_large_graphs_get_the_numbers_of_the_papers(given):
    for loader, scheme in (("saint-edge", SaintEdge()), ("cluster", ClusterParts())):
        given.loader = loader
        assert subgraphs_of(given, 10**6, 10**7) == scheme


@pytest.mark.parametrize("model", ["gnn", "mog", "ellagnn"])
def test_a_network_is_told_what_is_its_own(given, model):
    given.model = model
    check_model(given)
    told = {"sparsity": 0.3, "mix": "vote"}
    assert (given.sparsity, given.mix) == (
        tuple(told.values()) if model == "mog" else (None, None)
    )
    asked = (given.llm, given.selector, given.budget, given.prompts)
    default = ("smollm2", "pagerank", "0.05", "expand")
    assert asked == (default if model == "ellagnn" else (None,) * 4)


def test_the_model_around_the_gnn(given):
    plain = Plain(Recipe(), 4, 3)
    given.model = "ellagnn"
    assert factory_of(given, plain) == InELLaGNN(plain)
    given.model, given.sparsity, given.mix = "mog", 0.4, "grassmann"
    assert factory_of(given, plain) == InMoG(plain, 0.4, "grassmann")
