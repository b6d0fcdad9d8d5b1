"""Train one network on a large graph, in mini-batches, and read the test data once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.data import Data

from graphllm.errors import TextGraphError, UnknownNameError
from graphllm.experiments.fit import Fit, Score, any_enhanced, run_model
from graphllm.loader import NeighborLoader
from graphllm.models import ELLaGNN, takes_edge_weight
from graphllm.models.layerwise import Layerwise, supports_layerwise
from graphllm.models.pna import PNA

SAMPLING_WEIGHT = "sampling_edge_weight"

Infer = Callable[[ELLaGNN], Tensor]


@dataclass
class _Best:
    """Best parameters of one way to run the network, by validation accuracy."""

    val_acc: float = -1.0
    val_loss: float = float("inf")
    epoch: int = 0
    state: dict[str, Tensor] = field(default_factory=dict)


def fit_batches(
    model: ELLaGNN,
    data: Data,
    views: Mapping[str, bool],
    *,
    batch_size: int = 1024,
    num_neighbors: Sequence[int] = (15, 10),
    weight_attr: str | None = None,
    lr: float = 0.01,
    weight_decay: float = 5e-4,
    epochs: int = 300,
    patience: int = 50,
    eval_every: int = 1,
    infer_batch_size: int = 4096,
    seed: int = 0,
    num_workers: int = 0,
    keep_predictions: bool = False,
) -> Fit:
    """Train with cross-entropy on sampled neighbourhoods of the training nodes.

    The counterpart of :func:`~graphllm.experiments.fit` for graphs that are too large
    for a full-batch pass, with the same views, scores and stopping: validation and the
    one reading of the test nodes are exact, by
    :func:`~graphllm.models.layerwise_inference`; a network that it cannot run is
    validated by a pass over the whole graph.

    Batches carry the enhanced rows of their own nodes. Edges outside ``keep_edge`` are
    not sampled. Edge weights act once: within the aggregation where the backbone takes
    weights, or through the draw of the neighbours if ``weight_attr`` names them. A
    network that normalises by degree sees the degrees of each sampled subgraph while
    it is trained, as is usual with PyG.

    Args:
        model (ELLaGNN): The network, freshly initialised.
        data (Data): A text graph with features, labels and masks.
        views (Mapping[str, bool]): Name to whether the language model is used.
        batch_size (int, optional): Training nodes a step. (default: :obj:`1024`)
        num_neighbors (Sequence[int], optional): Neighbours to draw at each hop, one
            entry a layer. (default: :obj:`(15, 10)`)
        weight_attr (str, optional): Edge weights to draw by, for example
            ``"edge_weight"``. (default: :obj:`None`, uniform)
        lr (float, optional): Learning rate of Adam. (default: :obj:`0.01`)
        weight_decay (float, optional): L2 penalty. (default: :obj:`5e-4`)
        epochs (int, optional): Upper limit. (default: :obj:`300`)
        patience (int, optional): Epochs without a better validation accuracy after
            which a view is closed. (default: :obj:`50`)
        eval_every (int, optional): Epochs from one validation to the next; the last
            epoch is validated in any case. (default: :obj:`1`)
        infer_batch_size (int, optional): Nodes at a time when validating.
            (default: :obj:`4096`)
        seed (int, optional): Seed of the order and the neighbours of the batches.
            Dropout and drawn views come from torch's default generator.
            (default: :obj:`0`)
        num_workers (int, optional): Processes that sample. (default: :obj:`0`)
        keep_predictions (bool, optional): Whether the predicted classes are part of
            the outcome. (default: :obj:`False`)

    Returns:
        Fit: Scores and curves; ``val_acc`` has an entry a validation.

    Raises:
        ValueError: If nothing would be validated, or another argument is out of range
            (see :class:`graphllm.loader.NeighborLoader`).
        UnknownNameError: If the graph has no attribute ``weight_attr``.
        TextGraphError: If there is no training node, or the graph is not usable.
    """
    if not 1 <= eval_every <= min(patience, epochs):
        raise ValueError(
            "'eval_every' must be at least 1 and at most 'patience' and 'epochs' "
            f"(got {eval_every}, {patience} and {epochs}), or nothing is validated"
        )
    if weight_attr is not None and weight_attr not in data:
        edges = [key for key in data.keys() if data.is_edge_attr(key)]
        raise UnknownNameError("edge weight", weight_attr, edges)
    if isinstance(model.backbone, PNA):
        kept = _sampling_graph(model, data, None).edge_index
        model.backbone.measure(kept, int(data.num_nodes or 0))
    loader = NeighborLoader(
        _sampling_graph(model, data, weight_attr),
        num_neighbors,
        data.train_mask,
        batch_size,
        shuffle=True,
        weight_attr=None if weight_attr is None else SAMPLING_WEIGHT,
        seed=seed,
        num_workers=num_workers,
    )
    if len(loader) == 0:
        raise TextGraphError("'data.train_mask' has no node; there is nothing to learn")
    infer = {
        name: _inference(model, data, use_llm, infer_batch_size)
        for name, use_llm in views.items()
    }
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=weight_decay)
    best = {name: _Best() for name in views}
    result = Fit(scores={}, val_acc={name: [] for name in views})
    for epoch in range(1, epochs + 1):
        still_open = [n for n in views if epoch - best[n].epoch <= patience]
        if not still_open:
            break
        result.train_loss.append(_train_epoch(model, loader, optimizer))
        if epoch % eval_every and epoch < epochs:
            continue
        for name in still_open:
            accuracy = _validate(model, data, infer[name], best[name], epoch)
            result.val_acc[name].append(accuracy)
    for name in views:
        model.load_state_dict(best[name].state)
        predicted = _scores(model, infer[name]).argmax(dim=-1).to(data.y.device)
        right = (predicted == data.y)[data.test_mask]
        test_acc = float(right.float().mean())
        result.scores[name] = Score(best[name].val_acc, test_acc, best[name].epoch)
        if keep_predictions:
            result.predictions[name] = predicted.tolist()
    return result


def _sampling_graph(model: ELLaGNN, data: Data, weight_attr: str | None) -> Data:
    """Only what a training batch reads, on the edges that training uses."""
    enhanced = any_enhanced(data)
    names = ["x", "y", "llm_index", "llm_mask", "x_llm", "x_views", "view_mask"]
    graph = Data(num_nodes=data.num_nodes, edge_index=data.edge_index)
    for name in names[: None if enhanced else 2]:
        if name in data:
            graph[name] = data[name]
    weights = {}
    weight = getattr(data, "edge_weight" if enhanced else "free_edge_weight", None)
    if weight_attr is not None:
        # Under another name: the network is not to read it a second time.
        weights = {SAMPLING_WEIGHT: data[weight_attr]}
    elif takes_edge_weight(model.backbone) and weight is not None:
        # A batch without an enhanced node reads the second one; they are one.
        weights = {"edge_weight": weight, "free_edge_weight": weight}
    keep = getattr(data, "keep_edge", None) if enhanced else None
    if keep is not None:
        graph.edge_index = data.edge_index[:, keep]
    for name, value in weights.items():
        graph[name] = value if keep is None else value[keep]
    return graph


def _train_epoch(
    model: ELLaGNN, loader: NeighborLoader, optimizer: torch.optim.Optimizer
) -> float:
    """One step a batch; mean loss of the training nodes."""
    device = next(model.parameters()).device
    total, count = 0.0, 0
    model.train()
    for batch in loader:
        size = batch.batch_size
        batch = batch.to(device)
        optimizer.zero_grad()
        out = run_model(model, batch, use_llm=True)[:size]
        loss = F.cross_entropy(out, batch.y[:size])
        loss.backward()
        optimizer.step()
        total += float(loss.detach()) * size
        count += size
    return total / count


def _inference(model: ELLaGNN, data: Data, use_llm: bool, batch_size: int) -> Infer:
    if supports_layerwise(model):
        return Layerwise(data, batch_size, use_llm=use_llm)
    return lambda network: run_model(network, data, use_llm=use_llm)


@torch.no_grad()
def _scores(model: ELLaGNN, infer: Infer) -> Tensor:
    model.eval()
    return infer(model)


def _validate(
    model: ELLaGNN, data: Data, infer: Infer, best: _Best, epoch: int
) -> float:
    out = _scores(model, infer).to(data.y.device)[data.val_mask]
    y = data.y[data.val_mask]
    accuracy = float((out.argmax(dim=-1) == y).float().mean())
    loss = float(F.cross_entropy(out, y))
    if (accuracy, -loss) > (best.val_acc, -best.val_loss):
        best.val_acc, best.val_loss, best.epoch = accuracy, loss, epoch
        best.state = {k: v.clone() for k, v in model.state_dict().items()}
    return accuracy
