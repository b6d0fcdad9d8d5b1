"""The choices of ``graphllm ladling``: who trains what on which subgraphs."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Literal, cast, get_args

from graphllm._optional import require
from graphllm.cli.setup import flag, names_of, one_of, settle
from graphllm.errors import GraphLLMError
from graphllm.experiments.ladling import (
    METHODS,
    Factory,
    InELLaGNN,
    InMoG,
    InProcess,
    Plain,
    Processes,
    Ray,
    Recipe,
    Runner,
    Vmapped,
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
    Subgraphs,
)
from graphllm.models import BACKBONES, make_backbone, takes_edge_weight
from graphllm.sparsify.budgets import check_sparsity
from graphllm.sparsify.mixing import Mix

MODELS = ("gnn", "ellagnn", "mog")
# Choosing nodes by them would let labels of test nodes in.
READ_LABELS = (
    *("age", "disagreement", "low-homophily"),
    *("uncertainty", "uncertainty-mc"),
)
RUNNERS = ("vmap", "inprocess", "processes", "ray")
NORMS = ("none", "batch_norm")
# What each loader can be told.
_SIZED, _PARTED = ("batch_size",), ("parts", "parts_per_batch")
LOADERS: dict[str, tuple[str, ...]] = {
    "full": (),
    "neighbor": ("batch_size", "fan_out"),
    "fastgcn": ("batch_size", "fan_out"),
    "ladies": ("batch_size", "fan_out"),
    "saint-node": _SIZED,
    "saint-edge": _SIZED,
    "saint-walk": _SIZED,
    "cluster": _PARTED,
    "random-parts": _PARTED,
}
# Their batches weigh edges, so that sums over a batch expect those over the graph.
WEIGHING = ("fastgcn", "ladies", "saint-node", "saint-edge", "saint-walk")
# What a network around the GNN is told, and what it is told by default.
AROUND: dict[str, dict[str, object]] = {
    "mog": {"sparsity": 0.3, "mix": "vote"},
    "ellagnn": {
        "llm": "smollm2",
        "llm_model": None,
        "selector": "pagerank",
        "budget": "0.05",
        "prompts": "expand",
        "cache": None,
    },
}
# A graph without limits, to check options before one is loaded.
ANY_SIZE = 10**9


def methods_of(text: str | None) -> tuple[str, ...]:
    """The arms as typed, in the order of the experiment.

    Raises:
        GraphLLMError: If one is unknown, or there is none.
    """
    if text is None:
        return METHODS
    names = names_of(text)
    for name in names:
        one_of("way to make a soup", name, METHODS)
    if not names:
        raise GraphLLMError(
            f"'--methods {text}' names nothing to make; give one, such as gis"
        )
    return tuple(name for name in METHODS if name in names)


def runner_of(given: SimpleNamespace) -> Runner | None:
    """Who trains, or ``None`` for whoever is fastest here.

    Raises:
        GraphLLMError: If options contradict each other, or Ray is not installed.
    """
    name = given.runner
    if name is None and (given.ray is not None or given.workers is not None):
        name = "processes" if given.ray is None else "ray"
    if name is not None:
        one_of("runner", name, RUNNERS)
    if given.ray is not None and name != "ray":
        raise GraphLLMError(
            f"'--ray {given.ray}' and '--runner {name}' contradict each other; leave "
            "one out"
        )
    if given.workers is not None and (name in ("vmap", "inprocess") or given.ray):
        one = "a Ray that runs already" if given.ray else f"'--runner {name}'"
        raise GraphLLMError(
            f"'--workers {given.workers}' says nothing to {one}; leave it out"
        )
    if name == "processes":
        return Processes(given.workers or 2)
    if name == "ray":
        require("ray", "ray", "the Ray runner")
        return Ray(given.ray, num_cpus=given.workers)
    return {None: None, "vmap": Vmapped(), "inprocess": InProcess()}[name]


def recipe_of(given: SimpleNamespace, num_nodes: int, num_edges: int) -> Recipe:
    """Network, optimisation and subgraphs.

    Raises:
        GraphLLMError: If a name is unknown or a number out of range.
    """
    one_of("norm", given.norm, NORMS)
    return Recipe(
        given.backbone,
        given.layers,
        given.hidden,
        given.dropout,
        None if given.norm == "none" else "batch_norm",
        given.lr,
        given.weight_decay,
        given.epochs,
        given.patience,
        given.eval_every,
        subgraphs_of(given, num_nodes, num_edges),
    )


def subgraphs_of(given: SimpleNamespace, num_nodes: int, num_edges: int) -> Subgraphs:
    """What an epoch trains on; sizes that are not given fit the graph.

    Raises:
        GraphLLMError: If there is no such loader, or it cannot be told this.
    """
    one_of("loader", given.loader, LOADERS)
    for name in ("batch_size", "fan_out", "parts", "parts_per_batch"):
        if getattr(given, name) is not None and name not in LOADERS[given.loader]:
            fitting = ", ".join(each for each, told in LOADERS.items() if name in told)
            raise GraphLLMError(
                f"'{flag(name)}' says nothing to '--loader {given.loader}'; it is for "
                f"{fitting}"
            )
    if given.loader in ("cluster", "random-parts"):
        return _parts(given, num_nodes)
    if given.loader.startswith("saint"):
        return _saint(given, num_nodes, num_edges)
    return _batches(given)


def _batches(given: SimpleNamespace) -> Subgraphs:
    if given.loader == "full":
        return FullGraph()
    if given.loader == "neighbor":
        sizes = _sizes(given, (15, *[10] * (given.layers - 1)))
        return NeighborSampled(sizes, given.batch_size or NeighborSampled.batch_size)
    sizes = _sizes(given, (512,) * given.layers)
    kind: Literal["fastgcn", "ladies"] = given.loader
    return LayerSampled(kind, sizes, given.batch_size or LayerSampled.batch_size)


def _saint(given: SimpleNamespace, num_nodes: int, num_edges: int) -> Subgraphs:
    """Five subgraphs an epoch, each at most about a fifth of the graph."""
    scheme: Callable[[int], Subgraphs]
    scheme, size = {
        "saint-node": (SaintNode, min(SaintNode.num_nodes, num_nodes // 5)),
        "saint-edge": (SaintEdge, min(SaintEdge.num_edges, num_edges // 5)),
        "saint-walk": (SaintWalk, min(SaintWalk.num_roots, num_nodes // 10)),
    }[given.loader]
    return scheme(given.batch_size or max(1, size))


def _parts(given: SimpleNamespace, num_nodes: int) -> Subgraphs:
    if given.loader == "random-parts":
        number = given.parts or RandomParts.num_parts
        return RandomParts(number, given.parts_per_batch or max(1, number // 2))
    number = given.parts or min(ClusterParts.num_parts, max(1, num_nodes // 50))
    most = ClusterParts.parts_per_batch
    per_batch = given.parts_per_batch or min(most, max(1, number // 5))
    return ClusterParts(number, per_batch)


def _sizes(given: SimpleNamespace, default: tuple[int, ...]) -> tuple[int, ...]:
    if given.fan_out is None:
        return default
    words = names_of(given.fan_out)
    try:
        sizes = tuple(map(int, words))
    except ValueError:
        sizes = ()
    if len(sizes) != given.layers:
        raise GraphLLMError(
            f"'--fan-out {given.fan_out}' must be {given.layers} whole numbers, one a "
            "layer, such as 15,10"
        )
    return sizes


def _settle(given: SimpleNamespace) -> None:
    """Refuse what another network is told; put defaults where nothing was said."""
    for model, options in AROUND.items():
        mine = model == given.model
        why = f"says nothing to '--model {given.model}'; it is for '--model {model}'"
        settle(given, options, mine, why)


def check_model(given: SimpleNamespace) -> None:
    """Refuse a network that cannot be, and settle what it is told.

    Raises:
        GraphLLMError: If a name is unknown, a number out of range, or options
            contradict each other.
    """
    one_of("model", given.model, MODELS)
    _settle(given)
    one_of("backbone", given.backbone, BACKBONES)
    if given.loader in WEIGHING:
        smallest = make_backbone(given.backbone, 2, 2, 2, given.layers)
        if not takes_edge_weight(smallest):
            raise GraphLLMError(
                f"'--loader {given.loader}' weighs edges, and '--backbone "
                f"{given.backbone}' ignores edge weights; choose a backbone with "
                "weights, such as gcn, or another loader"
            )
    if given.model == "mog":
        one_of("mix", given.mix, get_args(Mix))
        check_sparsity(given.sparsity)
        if given.backbone == "mlp":
            raise GraphLLMError(
                "'--backbone mlp' reads no edges, so '--model mog' has none to spare; "
                "choose another one"
            )
    if given.model == "ellagnn" and given.features == "bow":
        raise GraphLLMError(
            "'--model ellagnn' reads encoded text; leave '--features bow' out"
        )
    if given.model == "ellagnn" and given.selector in READ_LABELS:
        raise GraphLLMError(
            f"'--selector {given.selector}' learns from training labels, and each "
            "repeat has other ones, while nodes are chosen once; choose one that reads "
            "no label, such as pagerank"
        )


def factory_of(given: SimpleNamespace, plain: Plain) -> Factory:
    """Makes the network of an ingredient."""
    if given.model == "ellagnn":
        return InELLaGNN(plain)
    if given.model == "mog":
        return InMoG(plain, given.sparsity, cast(Mix, given.mix))
    return plain
