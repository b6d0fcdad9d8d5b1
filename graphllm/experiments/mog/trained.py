"""One arm on one seed: the thinned graph and the network trained with or on it."""

import inspect
from collections.abc import Callable
from copy import copy
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.experiments.ellagnn import Arm, Training, train_arm
from graphllm.experiments.fingerprint import features_hash
from graphllm.experiments.fit import Score
from graphllm.experiments.ledger import Ledger
from graphllm.experiments.mog.arms import SCORES, Joint, criteria_of, sparsified
from graphllm.experiments.mog.edge_ids import pack, unpack
from graphllm.experiments.mog.fit import TEMPERATURES, fit_sparsified
from graphllm.experiments.mog.measures import timed_ms
from graphllm.experiments.mog.routing import routing_histogram
from graphllm.sparsify.learned_mask import LearnedMask
from graphllm.sparsify.mog import MoG

# The same for every graph: equal graphs share one training.
_VIEW = "gnn"


def _defaults(part: Callable[..., object]) -> dict[str, str]:
    """What a training leaves as it is; functions have no lasting name."""
    given = inspect.signature(part).parameters.items()
    return {
        name: repr(each.default)
        for name, each in given
        if each.default is not each.empty and name != "criteria"
    }


#: Part of what a finished training is known by.
DEFAULTS = tuple(_defaults(part) for part in (MoG, LearnedMask, fit_sparsified))


@dataclass
class Trained:
    """What an arm came to on one seed.

    Args:
        score (Score): Accuracies.
        e_id (Tensor): Columns of the dense ``edge_index`` that were kept, ascending.
        sparsify_ms (float): What it took to thin the graph once.
        train_loss (list[float]): Cross-entropy of each epoch.
        val_acc (list[float]): Validation accuracy of each epoch, as last taken.
        routing (dict, optional): See
            :func:`~graphllm.experiments.mog.routing.routing_histogram`.
    """

    score: Score
    e_id: Tensor
    sparsify_ms: float
    train_loss: list[float]
    val_acc: list[float | None]
    routing: dict[str, Any] | None = None


def train_alone(
    data: Data,
    e_id: Tensor,
    seed: int,
    training: Training,
    ledger: Ledger | None = None,
    sparsify_ms: float = 0.0,
) -> Trained:
    """Train the network on some of the edges.

    Args:
        data (Data): With ``x``, ``y``, ``label_names`` and masks.
        e_id (Tensor): Columns of ``edge_index`` to keep, ascending.
        seed (int): Seed of the initial parameters and dropout.
        training (Training): Network and optimisation.
        ledger (Ledger, optional): Where finished trainings are kept.
        sparsify_ms (float, optional): What it took to choose the edges.
    """
    sparse = copy(data)
    sparse.edge_index = data.edge_index[:, e_id]
    fit = train_arm(Arm(sparse, {_VIEW: False}), seed, training, ledger)
    val_acc: list[float | None] = [*fit.val_acc[_VIEW]]
    return Trained(fit.scores[_VIEW], e_id, sparsify_ms, fit.train_loss, val_acc)


def train_scored(
    data: Data,
    name: str,
    sparsity: float,
    kept: int | None,
    seed: int,
    training: Training,
    ledger: Ledger | None = None,
) -> Trained:
    """Thin the graph by a score, then train the network on what is left.

    Args:
        data (Data): With ``x``, ``y``, ``label_names`` and masks.
        name (str): Of :obj:`graphllm.experiments.mog.arms.SCORES`.
        sparsity (float): Share of the edges removed.
        kept (int, optional): Edges to keep besides self-loops, in the place of the
            share; one less where undirected edges do not allow it.
        seed (int): Seed of the draw, the initial parameters and dropout.
        training (Training): Network and optimisation.
        ledger (Ledger, optional): Where finished trainings are kept.
    """
    bare = Data(x=data.x, edge_index=data.edge_index, num_nodes=data.num_nodes)
    sparsifier = SCORES[name](sparsity, seed, kept)
    sparse, elapsed = timed_ms(lambda: sparsifier.sparsify(bare))
    return train_alone(data, sparse.e_id, seed, training, ledger, elapsed)


def train_jointly(
    data: Data,
    joint: Joint,
    seed: int,
    training: Training,
    ledger: Ledger | None = None,
    kept: int | None = None,
) -> Trained:
    """Train sparsifier and network together, or take it from the ledger.

    Args:
        data (Data): With ``x``, ``y``, ``label_names`` and masks.
        joint (Joint): The sparsifier.
        seed (int): Seed of the initial parameters, dropout and noise; the network
            starts from the parameters that it has in every other arm.
        training (Training): Network and optimisation.
        ledger (Ledger, optional): Where finished trainings are kept.
        kept (int, optional): Edges that ``ugs`` keeps besides self-loops.
    """
    num_edges = int(data.num_edges)
    graph = features_hash(data)
    key = Ledger.key(
        method="mog",
        seed=seed,
        graph=graph,
        kept=kept,
        joint=asdict(joint),
        defaults=DEFAULTS,
        temperatures=TEMPERATURES,
        **asdict(training),
    )
    known = ledger.get(key) if ledger is not None else None
    if known is not None:
        return _from_dict(known, num_edges)
    # The caller's random state is left as it was.
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        gnn = training.network(data.x.size(1), len(data.label_names)).backbone
        model = sparsified(joint, gnn, data, seed, kept).to(data.x.device)
        fit = fit_sparsified(
            model,
            data,
            criteria_of(joint, gnn),
            lr=training.lr,
            weight_decay=training.weight_decay,
            epochs=training.epochs,
            patience=training.patience,
            interval=joint.interval,
        )
    routing = None
    if fit.gates is not None:
        routing = routing_histogram(fit.gates, data.edge_index, joint.experts)
    trained = Trained(
        *(fit.score, fit.e_id, fit.sparsify_ms, fit.train_loss, fit.val_acc), routing
    )
    if ledger is not None:
        ledger.put(key, _as_dict(trained, num_edges))
    return trained


def _as_dict(trained: Trained, num_edges: int) -> dict[str, Any]:
    return {
        "score": asdict(trained.score),
        "e_id": pack(trained.e_id, num_edges),
        "sparsify_ms": trained.sparsify_ms,
        "train_loss": trained.train_loss,
        "val_acc": trained.val_acc,
        "routing": trained.routing,
    }


def _from_dict(known: dict[str, Any], num_edges: int) -> Trained:
    return Trained(
        Score(**known["score"]),
        unpack(known["e_id"], num_edges),
        known["sparsify_ms"],
        known["train_loss"],
        known["val_acc"],
        known["routing"],
    )
