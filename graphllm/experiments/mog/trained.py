"""One arm on one seed: the thinned graph and the network trained with or on it."""

import inspect
from collections.abc import Callable
from copy import copy, deepcopy
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from graphllm.experiments.ellagnn import Arm, Training, train_arm
from graphllm.experiments.fingerprint import features_hash
from graphllm.experiments.fit import Score
from graphllm.experiments.ledger import Ledger
from graphllm.experiments.mog.arms import SCORES, Joint, criteria_of, sparsified
from graphllm.experiments.mog.edge_ids import pack, unpack
from graphllm.experiments.mog.fit import (
    FINE_LR,
    TEMPERATURES,
    accuracy_on_test,
    fit_network,
    fit_sparsified,
)
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
    val_acc: list[float]
    routing: dict[str, Any] | None = None


class WarmNetwork:
    """The network as trained on the whole graph, where every arm of a seed starts.

    It is trained when it is first asked for: a finished experiment needs none.

    Args:
        data (Data): With ``x``, ``y``, ``label_names`` and masks.
        seed (int): Seed of the initial parameters and dropout.
        training (Training): Network and optimisation.
    """

    def __init__(self, data: Data, seed: int, training: Training) -> None:
        self.data, self.seed, self.training = data, seed, training
        self._gnn: nn.Module | None = None

    def copy(self) -> nn.Module:
        """A copy of its own for an arm."""
        if self._gnn is None:
            self._gnn = self._train()
        return deepcopy(self._gnn)

    def _train(self) -> nn.Module:
        data, training = self.data, self.training
        # The caller's random state is left as it was.
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            network = training.network(data.x.size(1), len(data.label_names))
            gnn = network.backbone.to(data.x.device)
            fit_network(
                gnn,
                data,
                lr=training.lr,
                weight_decay=training.weight_decay,
                epochs=training.epochs,
                patience=training.patience,
            )
        return gnn


def train_alone(
    data: Data,
    e_id: Tensor,
    seed: int,
    training: Training,
    ledger: Ledger | None = None,
    sparsify_ms: float = 0.0,
) -> Trained:
    """Train the network afresh on some of the edges.

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
    val_acc = [*fit.val_acc[_VIEW]]
    return Trained(fit.scores[_VIEW], e_id, sparsify_ms, fit.train_loss, val_acc)


def train_on(
    data: Data,
    e_id: Tensor,
    warm: WarmNetwork,
    interval: int = 1,
    ledger: Ledger | None = None,
    sparsify_ms: float = 0.0,
) -> Trained:
    """Let the network that knows the whole graph learn on, on some of the edges.

    Args:
        data (Data): With ``x``, ``y``, ``label_names`` and masks.
        e_id (Tensor): Columns of ``edge_index`` to keep, ascending.
        warm (WarmNetwork): Where it starts.
        interval (int, optional): Epochs from one validation to the next.
            (default: :obj:`1`)
        ledger (Ledger, optional): Where finished trainings are kept.
        sparsify_ms (float, optional): What it took to choose the edges.
    """
    seed, training, num_edges = warm.seed, warm.training, int(data.num_edges)
    key = Ledger.key(
        method="mog-on",
        seed=seed,
        graph=features_hash(data),
        e_id=pack(e_id, num_edges),
        interval=interval,
        fine_lr=FINE_LR,
        thin_epochs=thin_epochs(training),
        **asdict(training),
    )
    known = ledger.get(key) if ledger is not None else None
    if known is not None:
        # Another arm may have trained on the same edges, and found them otherwise.
        return replace(_from_dict(known, num_edges), sparsify_ms=sparsify_ms)
    sparse = copy(data)
    sparse.edge_index = data.edge_index[:, e_id]
    gnn = warm.copy()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        fit = fit_network(
            gnn,
            sparse,
            lr=FINE_LR,
            weight_decay=training.weight_decay,
            epochs=thin_epochs(training),
            patience=training.patience,
            interval=interval,
        )
    fit.score.test_acc = accuracy_on_test(gnn, sparse, sparse.edge_index)
    trained = Trained(fit.score, e_id, sparsify_ms, fit.train_loss, fit.val_acc)
    if ledger is not None:
        ledger.put(key, _as_dict(trained, num_edges))
    return trained


def thin_epochs(training: Training) -> int:
    """Epochs on a thinner graph at most: half of those on the whole graph."""
    return max(1, training.epochs // 2)


def train_scored(
    data: Data,
    name: str,
    sparsity: float,
    kept: int | None,
    warm: WarmNetwork,
    interval: int = 1,
    ledger: Ledger | None = None,
) -> Trained:
    """Thin the graph by a score, then let the network learn on, on what is left.

    Args:
        data (Data): With ``x``, ``y``, ``label_names`` and masks.
        name (str): Of :obj:`graphllm.experiments.mog.arms.SCORES`.
        sparsity (float): Share of the edges removed.
        kept (int, optional): Edges to keep besides self-loops, in the place of the
            share; one less where undirected edges do not allow it.
        warm (WarmNetwork): Where it starts; its seed is that of the draw, too.
        interval (int, optional): Epochs from one validation to the next.
            (default: :obj:`1`)
        ledger (Ledger, optional): Where finished trainings are kept.
    """
    bare = Data(x=data.x, edge_index=data.edge_index, num_nodes=data.num_nodes)
    sparsifier = SCORES[name](sparsity, warm.seed, kept)
    sparse, elapsed = timed_ms(lambda: sparsifier.sparsify(bare))
    return train_on(data, sparse.e_id, warm, interval, ledger, elapsed)


def train_jointly(
    data: Data,
    joint: Joint,
    warm: WarmNetwork,
    ledger: Ledger | None = None,
    kept: int | None = None,
) -> Trained:
    """Train sparsifier and network together, or take them from the ledger.

    Args:
        data (Data): With ``x``, ``y``, ``label_names`` and masks.
        joint (Joint): The sparsifier.
        warm (WarmNetwork): Where the network starts; its seed is that of the
            sparsifier's parameters, dropout and noise, too.
        ledger (Ledger, optional): Where finished trainings are kept.
        kept (int, optional): Edges that ``ugs`` keeps besides self-loops.
    """
    seed, training, num_edges = warm.seed, warm.training, int(data.num_edges)
    graph = features_hash(data)
    key = Ledger.key(
        method="mog",
        seed=seed,
        graph=graph,
        kept=kept,
        joint=asdict(joint),
        defaults=DEFAULTS,
        temperatures=TEMPERATURES,
        thin_epochs=thin_epochs(training),
        **asdict(training),
    )
    known = ledger.get(key) if ledger is not None else None
    if known is not None:
        return _from_dict(known, num_edges)
    gnn = warm.copy()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = sparsified(joint, gnn, data, seed, kept).to(data.x.device)
        fit = fit_sparsified(
            model,
            data,
            criteria_of(joint, gnn),
            weight_decay=training.weight_decay,
            epochs=thin_epochs(training),
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
