"""Train a classifier of graphs, in batches, with or without a sparsifier."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader

from graphllm.experiments.mog.fit import cool
from graphllm.experiments.mog.graph_model import GraphClassifier
from graphllm.seed import generator
from graphllm.sparsify.sparsified import SparsifiedGNN


@dataclass
class GraphFit:
    """What a training produced.

    Args:
        test (float): Score of the test graphs, after the best epoch.
        valid (float): Score of the validation graphs, after it.
        epoch (int): Which one it was.
        cpu_seconds (float): CPU time of the training, validation included.
        train_loss (list[float]): Cross-entropy of each epoch.
        kept (dict): Part to the number of edges kept in it.
    """

    test: float
    valid: float
    epoch: int
    cpu_seconds: float
    train_loss: list[float] = field(default_factory=list)
    kept: dict[str, int] = field(default_factory=dict)


def fit_graphs(
    model: GraphClassifier,
    parts: Mapping[str, list[Data]],
    score: Callable[[Tensor, Tensor], float],
    *,
    lr: float = 1e-3,
    epochs: int = 100,
    batch_size: int = 64,
    warm_up: float = 0.5,
    seed: int = 0,
) -> GraphFit:
    r"""Train with cross-entropy for a fixed number of epochs.

    In the first half of them a sparsifier is not asked; then every step masks edges,
    at a temperature that falls as in
    :func:`~graphllm.experiments.mog.fit.fit_sparsified`. Whatever the model, only
    epochs of the second half are validated, so that every arm of a comparison has as
    many to choose from. The parameters of the best validation score (ties: lower
    loss) are kept, and the test graphs are read once, after training.

    Validation and test are on graphs that are really thinner, in batches of the
    order given. Where a sparsifier has one budget a call, a graph shares it with its
    batch.

    Args:
        model (GraphClassifier): Freshly initialised; left with the parameters of the
            best epoch.
        parts (Mapping): ``train``, ``valid`` and ``test``, each a list of graphs with
            ``y``, and with ``edge_prior`` for a sparsifier that reads it.
        score (Callable): See :class:`~graphllm.experiments.mog.graph_sets.GraphSet`.
        lr (float, optional): Learning rate of Adam. (default: :obj:`1e-3`)
        epochs (int, optional): How many. (default: :obj:`100`)
        batch_size (int, optional): Graphs a step. (default: :obj:`64`)
        warm_up (float, optional): Share of the epochs that sees whole graphs.
            (default: :obj:`0.5`)
        seed (int, optional): Seed of the order of the training graphs.
            (default: :obj:`0`)

    Returns:
        GraphFit: Scores, the kept edges, and what it took.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    shuffled = DataLoader(
        parts["train"], batch_size, shuffle=True, generator=generator(seed)
    )
    batches = {
        part: list(DataLoader(graphs, batch_size)) for part, graphs in parts.items()
    }
    warm = min(round(warm_up * epochs), epochs - 1)
    best, least, state = GraphFit(0.0, -1.0, 0, 0.0), float("inf"), model.state_dict()
    start = time.process_time()
    for epoch in range(1, epochs + 1):
        if isinstance(model.gnn, SparsifiedGNN):
            cool(model.gnn, (epoch - warm) / (epochs - warm))
        best.train_loss.append(_train(model, shuffled, optimizer, epoch > warm))
        if epoch <= warm:
            continue
        valid, loss = _evaluate(model, batches["valid"], score)
        if (valid, -loss) > (best.valid, -least):
            best.valid, best.epoch, least = valid, epoch, loss
            state = {k: v.clone() for k, v in model.state_dict().items()}
    best.cpu_seconds = time.process_time() - start
    model.load_state_dict(state)
    best.test, _ = _evaluate(model, batches["test"], score)
    best.kept = {part: _count_kept(model, batches[part]) for part in parts}
    return best


def _train(
    model: GraphClassifier,
    loader: DataLoader,
    optimizer: torch.optim.Optimizer,
    thin: bool,
) -> float:
    """One epoch; the mean cross-entropy of its graphs."""
    model.train()
    total, count = 0.0, 0
    for batch in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(batch, thin), batch.y)
        if thin and isinstance(model.gnn, SparsifiedGNN):
            (loss + model.gnn.aux_loss).backward()
        else:
            loss.backward()
        optimizer.step()
        total += batch.num_graphs * float(loss.detach())
        count += batch.num_graphs
    return total / count


@torch.no_grad()
def _evaluate(
    model: GraphClassifier,
    batches: list[Data],
    score: Callable[[Tensor, Tensor], float],
) -> tuple[float, float]:
    """Score and cross-entropy of some graphs."""
    model.eval()
    out = torch.cat([model(batch) for batch in batches])
    y = torch.cat([batch.y for batch in batches])
    return score(out, y), float(F.cross_entropy(out, y))


def _count_kept(model: GraphClassifier, batches: list[Data]) -> int:
    if not isinstance(model.gnn, SparsifiedGNN):
        return sum(int(batch.num_edges) for batch in batches)
    return sum(int(model.sparsify(batch).num_edges) for batch in batches)
