"""Train one network on one graph, full batch, and read the test data once."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.data import Data

from graphllm.models import ELLaGNN, takes_edge_weight


@dataclass
class Score:
    """Accuracies of one way to run a trained network.

    Args:
        val_acc (float): Best validation accuracy, in [0, 1].
        test_acc (float): Test accuracy of the parameters of that epoch.
        epoch (int): The epoch, counted from one.
    """

    val_acc: float
    test_acc: float
    epoch: int


@dataclass
class Fit:
    """What training produced.

    Args:
        scores (dict[str, Score]): One for each way to run the network.
        train_loss (list[float]): Cross-entropy of each epoch.
        val_acc (dict[str, list[float]]): Validation accuracy of each epoch.
    """

    scores: dict[str, Score]
    train_loss: list[float] = field(default_factory=list)
    val_acc: dict[str, list[float]] = field(default_factory=dict)


@dataclass
class _Best:
    """Best parameters of one way to run the network, by validation accuracy."""

    val_acc: float = -1.0
    val_loss: float = float("inf")
    epoch: int = 0
    state: dict[str, Tensor] = field(default_factory=dict)


def fit(
    model: ELLaGNN,
    data: Data,
    views: Mapping[str, bool],
    *,
    lr: float = 0.01,
    weight_decay: float = 5e-4,
    epochs: int = 300,
    patience: int = 50,
) -> Fit:
    """Train with cross-entropy on the training nodes, stop on validation.

    Training reads the enhanced features where the graph has them. Each *view* is one
    way to run the trained network, with the enhanced features (``True``) or without
    a language model (``False``); it keeps the parameters of its own best validation
    accuracy (ties: lower validation loss), and its test accuracy is computed once,
    after training. Enhanced features are used with the graph's ``edge_weight`` where
    the backbone takes weights.

    Args:
        model (ELLaGNN): The network, freshly initialised.
        data (Data): A text graph with features, labels and masks, as returned by
            :meth:`graphllm.enhance.Enhancer.run` or without enhanced features.
        views (Mapping[str, bool]): Name to whether the language model is used.
        lr (float, optional): Learning rate of Adam. (default: :obj:`0.01`)
        weight_decay (float, optional): L2 penalty. (default: :obj:`5e-4`)
        epochs (int, optional): Upper limit. (default: :obj:`300`)
        patience (int, optional): Epochs without a better validation accuracy after
            which a view is closed; training ends with the last view, and no view
            changes the score of another. (default: :obj:`50`)

    Returns:
        Fit: Scores and curves.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=weight_decay)
    best = {name: _Best() for name in views}
    result = Fit(scores={}, val_acc={name: [] for name in views})
    enhanced = any_enhanced(data)
    for epoch in range(1, epochs + 1):
        still_open = [n for n in views if epoch - best[n].epoch <= patience]
        if not still_open:
            break
        model.train()
        optimizer.zero_grad()
        out = run_model(model, data, use_llm=enhanced)
        loss = F.cross_entropy(out[data.train_mask], data.y[data.train_mask])
        loss.backward()
        optimizer.step()
        result.train_loss.append(loss.item())
        for name in still_open:
            accuracy = _validate(model, data, views[name], best[name], epoch)
            result.val_acc[name].append(accuracy)
    for name, use_llm in views.items():
        model.load_state_dict(best[name].state)
        test_acc = accuracy_on(model, data, data.test_mask, use_llm)
        result.scores[name] = Score(best[name].val_acc, test_acc, best[name].epoch)
    return result


def any_enhanced(data: Data) -> bool:
    """Whether the graph has at least one node with enhanced features."""
    index = getattr(data, "llm_index", None)
    return index is not None and index.numel() > 0


def run_model(model: ELLaGNN, data: Data, *, use_llm: bool) -> Tensor:
    """Class scores of every node, with the enhanced features or without."""
    if not (use_llm and any_enhanced(data)):
        return model(data.x, data.edge_index)
    weight = data.edge_weight if takes_edge_weight(model.backbone) else None
    return model(
        data.x, data.edge_index, weight, x_llm=data.x_llm, llm_mask=data.llm_mask
    )


@torch.no_grad()
def accuracy_on(model: ELLaGNN, data: Data, mask: Tensor, use_llm: bool) -> float:
    """Share of the nodes in the mask that are classified rightly."""
    model.eval()
    out = run_model(model, data, use_llm=use_llm)
    return float((out[mask].argmax(dim=-1) == data.y[mask]).float().mean())


@torch.no_grad()
def _validate(
    model: ELLaGNN, data: Data, use_llm: bool, best: _Best, epoch: int
) -> float:
    model.eval()
    out = run_model(model, data, use_llm=use_llm)[data.val_mask]
    y = data.y[data.val_mask]
    accuracy = float((out.argmax(dim=-1) == y).float().mean())
    loss = float(F.cross_entropy(out, y))
    if (accuracy, -loss) > (best.val_acc, -best.val_loss):
        best.val_acc, best.val_loss, best.epoch = accuracy, loss, epoch
        best.state = {k: v.clone() for k, v in model.state_dict().items()}
    return accuracy
