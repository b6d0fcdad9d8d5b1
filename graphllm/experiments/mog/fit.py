"""Train a network, then it and what thins its graph together, full batch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.data import Data

from graphllm.experiments.fit import Score
from graphllm.experiments.mog.measures import timed_ms
from graphllm.sparsify.criteria import Criterion
from graphllm.sparsify.priors import edge_priors
from graphllm.sparsify.sparsified import SparsifiedGNN

TEMPERATURES = (1.0, 0.1)
# Learning rate of every network that goes on on a thinner graph.
FINE_LR = 3e-3


@dataclass
class Fit:
    """What training produced.

    Args:
        score (Score): Accuracies of the best epoch; epoch zero is before the first
            step.
        train_loss (list[float]): Cross-entropy of each epoch.
        val_acc (list[float]): Validation accuracy after each epoch, as last taken.
    """

    score: Score
    train_loss: list[float]
    val_acc: list[float]


@dataclass
class SparseFit(Fit):
    """What training with a sparsifier produced, on the thinned graph.

    Args:
        e_id (Tensor): Columns of ``edge_index`` that this graph keeps, ascending.
        sparsify_ms (float): What it takes to thin the graph once, from its criteria
            on.
        gates (Tensor, optional): Of every node and expert, :math:`(|V|, K)`, where
            there is a router.
    """

    e_id: Tensor
    sparsify_ms: float
    gates: Tensor | None = None


def fit_network(
    gnn: nn.Module,
    data: Data,
    *,
    lr: float = 0.01,
    weight_decay: float = 5e-4,
    epochs: int = 300,
    patience: int = 50,
    interval: int = 1,
) -> Fit:
    """Train a network alone, with cross-entropy on the training nodes.

    Args:
        gnn (torch.nn.Module): The network; left with the parameters of the best
            validation accuracy (ties: lower loss), be it before the first step.
        data (Data): With ``x``, ``y`` and masks.
        lr (float, optional): Learning rate of Adam. (default: :obj:`0.01`)
        weight_decay (float, optional): L2 penalty. (default: :obj:`5e-4`)
        epochs (int, optional): Upper limit. (default: :obj:`300`)
        patience (int, optional): Epochs without a better validation accuracy.
            (default: :obj:`50`)
        interval (int, optional): Epochs from one validation to the next.
            (default: :obj:`1`)

    Returns:
        Fit: Scores and curves; the test nodes are not read.
    """
    optimizer = torch.optim.Adam(gnn.parameters(), lr=lr, weight_decay=weight_decay)

    def step(epoch: int) -> float:
        optimizer.zero_grad()
        out = gnn(data.x, data.edge_index)
        loss = F.cross_entropy(out[data.train_mask], data.y[data.train_mask])
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    def run() -> Tensor:
        out: Tensor = gnn(data.x, data.edge_index)
        return out

    return _climb(gnn, data, step, run, epochs, patience, interval)


def fit_sparsified(
    model: SparsifiedGNN,
    data: Data,
    criteria: Sequence[Criterion] = (),
    *,
    lr: float = 0.01,
    weight_decay: float = 5e-4,
    epochs: int = 150,
    patience: int = 50,
    interval: int = 1,
    fine_lr: float = FINE_LR,
    router_lr: float = 0.1,
) -> SparseFit:
    r"""Train a sparsifier, and its network on, with cross-entropy.

    The network has learned its task on the whole graph. The edge criteria are taken
    once, those that ask a network ask this one; then every step masks edges, and the
    temperature of the masks falls geometrically over :math:`T` epochs,

    .. math::
        \tau_t = 1.0 \cdot 0.1^{\, t / T}.

    Validation is on the graph that is really thinner, in evaluation mode. The
    parameters of the best accuracy (ties: lower loss) are kept, be it before the first
    step, and the test nodes are read once, after training.

    Args:
        model (SparsifiedGNN): A trained network and a sparsifier, freshly initialised;
            left with the parameters of the best epoch.
        data (Data): With ``x``, ``y`` and masks.
        criteria (Sequence[Callable], optional): The sparsifier's edge criteria.
        lr (float, optional): Learning rate of the sparsifier, by Adam.
            (default: :obj:`0.01`)
        weight_decay (float, optional): L2 penalty of the network; the sparsifier has
            none. (default: :obj:`5e-4`)
        epochs (int, optional): Upper limit, :math:`T`. (default: :obj:`150`)
        patience (int, optional): Epochs without a better validation accuracy.
            (default: :obj:`50`)
        interval (int, optional): Epochs from one validation to the next.
            (default: :obj:`1`)
        fine_lr (float, optional): Learning rate of the network.
            (default: :obj:`3e-3`)
        router_lr (float, optional): Learning rate of a router: to prefer one expert
            its gates have to move by several units. (default: :obj:`0.1`)

    Returns:
        SparseFit: Scores, curves and the kept edges.
    """
    prior, prior_ms = _priors(model, data, criteria) if criteria else (None, 0.0)
    groups = _groups(model, weight_decay, fine_lr, router_lr)
    optimizer = torch.optim.Adam(groups, lr=lr)

    def step(epoch: int) -> float:
        cool(model, epoch / epochs)
        optimizer.zero_grad()
        out = model(data.x, data.edge_index, edge_prior=prior)
        loss = F.cross_entropy(out[data.train_mask], data.y[data.train_mask])
        (loss + model.aux_loss).backward()
        optimizer.step()
        return float(loss.detach())

    def run() -> Tensor:
        out: Tensor = model(data.x, data.edge_index, edge_prior=prior)
        return out

    cool(model, 0.0)
    best = _climb(model, data, step, run, epochs, patience, interval)
    e_id, elapsed = _thin(model, data, prior)
    best.score.test_acc = accuracy_on_test(model.gnn, data, data.edge_index[:, e_id])
    routing = getattr(model.sparsifier, "routing", None)
    gates = None if routing is None else routing(data)
    curves = best.score, best.train_loss, best.val_acc
    return SparseFit(*curves, e_id, prior_ms + elapsed, gates)


def _climb(
    model: nn.Module,
    data: Data,
    step: Callable[[int], float],
    run: Callable[[], Tensor],
    epochs: int,
    patience: int,
    interval: int,
) -> Fit:
    """Steps until nothing gets better; the model keeps its best parameters."""
    accuracy, least = _validate(model, data, run)
    best = Fit(Score(accuracy, 0.0, 0), [], [])
    state = {k: v.clone() for k, v in model.state_dict().items()}
    # There is one look at least before patience runs out.
    patience = max(patience, interval)
    for epoch in range(1, epochs + 1):
        if epoch - best.score.epoch > patience:
            break
        model.train()
        best.train_loss.append(step(epoch))
        if epoch % interval == 0 or epoch == epochs:
            accuracy, loss = _validate(model, data, run)
            if (accuracy, -loss) > (best.score.val_acc, -least):
                best.score, least = Score(accuracy, 0.0, epoch), loss
                state = {k: v.clone() for k, v in model.state_dict().items()}
        best.val_acc.append(accuracy)
    model.load_state_dict(state)
    return best


def _groups(
    model: SparsifiedGNN, weight_decay: float, fine_lr: float, router_lr: float
) -> list[dict[str, Any]]:
    router = getattr(model.sparsifier, "router", None)
    routing = [] if router is None else list(router.parameters())
    known = set(routing)
    others = [each for each in model.sparsifier.parameters() if each not in known]
    gnn = model.gnn.parameters()
    return [
        {"params": gnn, "weight_decay": weight_decay, "lr": fine_lr},
        {"params": others, "weight_decay": 0.0},
        {"params": routing, "weight_decay": 0.0, "lr": router_lr},
    ]


def cool(model: SparsifiedGNN, progress: float) -> None:
    """Set the temperature of the masks, where the sparsifier has one."""
    if hasattr(model.sparsifier, "temperature"):
        first, last = TEMPERATURES
        share = min(max(progress, 0.0), 1.0)
        model.sparsifier.temperature = first * (last / first) ** share


def _priors(
    model: SparsifiedGNN, data: Data, criteria: Sequence[Criterion]
) -> tuple[Tensor, float]:
    model.eval()
    given = (data.edge_index, int(data.num_nodes or 0), data.x, criteria)
    return timed_ms(lambda: edge_priors(*given))


@torch.no_grad()
def _validate(
    model: nn.Module, data: Data, run: Callable[[], Tensor]
) -> tuple[float, float]:
    model.eval()
    out, y = run()[data.val_mask], data.y[data.val_mask]
    accuracy = float((out.argmax(dim=-1) == y).float().mean())
    return accuracy, float(F.cross_entropy(out, y))


@torch.no_grad()
def accuracy_on_test(gnn: nn.Module, data: Data, edge_index: Tensor) -> float:
    """Accuracy on the test nodes, in evaluation mode, with these edges."""
    gnn.eval()
    predicted = gnn(data.x, edge_index).argmax(dim=-1)
    right = (predicted == data.y)[data.test_mask]
    return float(right.float().mean())


@torch.no_grad()
def _thin(
    model: SparsifiedGNN, data: Data, prior: Tensor | None
) -> tuple[Tensor, float]:
    """The edges that stay, and the time it takes to find them."""
    model.eval()

    def thin() -> Data:
        # A copy, so that nothing the sparsifier remembers of this graph helps.
        whole = Data(x=data.x, edge_index=data.edge_index.clone())
        whole.num_nodes = data.num_nodes
        if prior is not None:
            whole.edge_prior = prior
        return model.sparsify(whole)

    sparse, elapsed = timed_ms(thin)
    return sparse.e_id, elapsed
