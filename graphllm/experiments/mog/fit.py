"""Train a network and what thins its graph, full batch, together."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.data import Data

from graphllm.experiments.fit import Score
from graphllm.experiments.mog.measures import timed_ms
from graphllm.sparsify.criteria import Criterion
from graphllm.sparsify.priors import edge_priors
from graphllm.sparsify.sparsified import SparsifiedGNN

TEMPERATURES = (1.0, 0.1)


@dataclass
class SparseFit:
    """What a joint training produced.

    Args:
        score (Score): Accuracies on the thinned graph of the best epoch.
        e_id (Tensor): Columns of ``edge_index`` that this graph keeps, ascending.
        sparsify_ms (float): What it takes to thin the graph once, from its criteria
            on.
        train_loss (list[float]): Cross-entropy of each epoch.
        val_acc (list[float]): Validation accuracy of each epoch, as last taken;
            none before the first time.
        gates (Tensor, optional): Of every node and expert, :math:`(|V|, K)`, where
            there is a router.
    """

    score: Score
    e_id: Tensor
    sparsify_ms: float
    train_loss: list[float]
    val_acc: list[float | None]
    gates: Tensor | None = None


def fit_sparsified(
    model: SparsifiedGNN,
    data: Data,
    criteria: Sequence[Criterion] = (),
    *,
    lr: float = 0.01,
    weight_decay: float = 5e-4,
    epochs: int = 300,
    patience: int = 50,
    interval: int = 1,
    warm_up: float = 0.5,
) -> SparseFit:
    r"""Train with cross-entropy on the training nodes, stop on validation.

    The first half of the epochs sees the whole graph. Then the edge criteria are
    taken, once (those that ask a network ask this one, as trained so far), and every
    step masks edges; the temperature of the masks falls geometrically,

    .. math::
        \tau_t = 1.0 \cdot 0.1^{\, t / T},

    over the other :math:`T` epochs. Validation is on the graph that is really thinner,
    in evaluation mode; the parameters of the best accuracy (ties: lower loss) are
    kept, and the test nodes are read once, after training.

    Args:
        model (SparsifiedGNN): Network and sparsifier, freshly initialised; left with
            the parameters of the best epoch.
        data (Data): With ``x``, ``y`` and masks.
        criteria (Sequence[Callable], optional): The sparsifier's edge criteria.
        lr (float, optional): Learning rate of Adam. (default: :obj:`0.01`)
        weight_decay (float, optional): L2 penalty of the network; the sparsifier has
            none. (default: :obj:`5e-4`)
        epochs (int, optional): Upper limit. (default: :obj:`300`)
        patience (int, optional): Epochs without a better validation accuracy, those
            with the whole graph apart. (default: :obj:`50`)
        interval (int, optional): Epochs from one validation to the next.
            (default: :obj:`1`)
        warm_up (float, optional): Share of the epochs in which the graph stays whole.
            (default: :obj:`0.5`)

    Returns:
        SparseFit: Scores, curves and the kept edges.
    """
    groups = [
        {"params": model.gnn.parameters(), "weight_decay": weight_decay},
        {"params": model.sparsifier.parameters(), "weight_decay": 0.0},
    ]
    optimizer = torch.optim.Adam(groups, lr=lr)
    warm = round(warm_up * epochs)
    # There is one look at least before patience runs out.
    patience = max(patience, interval)
    losses: list[float] = []
    accuracies: list[float | None] = []
    best, state = Score(-1.0, 0.0, warm), None
    least = float("inf")
    prior, prior_ms = None, 0.0
    for epoch in range(1, epochs + 1):
        if epoch - best.epoch > patience:
            break
        thin = epoch > warm
        if thin and prior is None and criteria:
            prior, prior_ms = _priors(model, data, criteria)
        cool(model, (epoch - warm) / max(1, epochs - warm))
        losses.append(_step(model, data, prior, optimizer, thin))
        accuracies.append(accuracies[-1] if accuracies else None)
        if not thin or ((epoch - warm) % interval and epoch < epochs):
            continue
        accuracy, loss = _validate(model, data, prior)
        accuracies[-1] = accuracy
        if (accuracy, -loss) > (best.val_acc, -least):
            best, least = Score(accuracy, 0.0, epoch), loss
            state = {k: v.clone() for k, v in model.state_dict().items()}
    if state is not None:
        model.load_state_dict(state)
    best.test_acc, e_id, elapsed = _read_test(model, data, prior)
    routing = getattr(model.sparsifier, "routing", None)
    gates = None if routing is None else routing(data)
    return SparseFit(best, e_id, prior_ms + elapsed, losses, accuracies, gates)


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


def _step(
    model: SparsifiedGNN,
    data: Data,
    prior: Tensor | None,
    optimizer: torch.optim.Optimizer,
    thin: bool,
) -> float:
    model.train()
    optimizer.zero_grad()
    if thin:
        out = model(data.x, data.edge_index, edge_prior=prior)
    else:
        out = model.gnn(data.x, data.edge_index)
    loss = F.cross_entropy(out[data.train_mask], data.y[data.train_mask])
    total = loss + model.aux_loss if thin else loss
    total.backward()
    optimizer.step()
    return float(loss.detach())


@torch.no_grad()
def _validate(
    model: SparsifiedGNN, data: Data, prior: Tensor | None
) -> tuple[float, float]:
    model.eval()
    out = model(data.x, data.edge_index, edge_prior=prior)[data.val_mask]
    y = data.y[data.val_mask]
    accuracy = float((out.argmax(dim=-1) == y).float().mean())
    return accuracy, float(F.cross_entropy(out, y))


@torch.no_grad()
def _read_test(
    model: SparsifiedGNN, data: Data, prior: Tensor | None
) -> tuple[float, Tensor, float]:
    """Test accuracy on the thinned graph, its edges, and the time to thin it."""
    model.eval()

    def thin() -> Data:
        # A copy, so that nothing the sparsifier remembers of this graph helps.
        whole = Data(x=data.x, edge_index=data.edge_index.clone())
        whole.num_nodes = data.num_nodes
        if prior is not None:
            whole.edge_prior = prior
        return model.sparsify(whole)

    sparse, elapsed = timed_ms(thin)
    predicted = model.gnn(data.x, sparse.edge_index).argmax(dim=-1)
    right = (predicted == data.y)[data.test_mask]
    return float(right.float().mean()), sparse.e_id, elapsed
