"""Train one network on one graph, full batch, and read the test data once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.data import Data

from graphllm.models import ELLaGNN, fuse, takes_edge_weight
from graphllm.models.fusion import ONE_ROW

Objective = Callable[[ELLaGNN, Data, int], Tensor]


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
        predictions (dict[str, list[int]]): Predicted class of every node, one list
            for each way to run the network; only where asked for.
    """

    scores: dict[str, Score]
    train_loss: list[float] = field(default_factory=list)
    val_acc: dict[str, list[float]] = field(default_factory=dict)
    predictions: dict[str, list[int]] = field(default_factory=dict)


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
    objective: Objective | None = None,
    on_step: Callable[[ELLaGNN, int], None] | None = None,
    keep_predictions: bool = False,
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
        objective (Callable, optional): Called with (model, data, epoch), returns the
            loss of one step. (default: cross-entropy on the training nodes, with the
            enhanced features where the graph has them)
        on_step (Callable, optional): Called with (model, epoch) after each backward
            pass, before the parameters move: a place to read gradients.
        keep_predictions (bool, optional): Whether the predicted classes are part of
            the outcome. (default: :obj:`False`)

    Returns:
        Fit: Scores and curves.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=weight_decay)
    best = {name: _Best() for name in views}
    result = Fit(scores={}, val_acc={name: [] for name in views})
    objective = objective or supervised
    # Nothing in a graph changes while it is trained, unless the objective does it.
    fixed = objective is supervised
    inputs = {name: _Inputs(model, data, views[name], fixed) for name in views}
    for epoch in range(1, epochs + 1):
        still_open = [n for n in views if epoch - best[n].epoch <= patience]
        if not still_open:
            break
        model.train()
        optimizer.zero_grad()
        loss = objective(model, data, epoch)
        loss.backward()
        if on_step is not None:
            on_step(model, epoch)
        optimizer.step()
        result.train_loss.append(loss.item())
        for name in still_open:
            accuracy = _validate(model, data, inputs[name], best[name], epoch)
            result.val_acc[name].append(accuracy)
    for name, use_llm in views.items():
        model.load_state_dict(best[name].state)
        predicted = predict_view(model, data, use_llm)
        right = (predicted == data.y)[data.test_mask]
        test_acc = float(right.float().mean())
        result.scores[name] = Score(best[name].val_acc, test_acc, best[name].epoch)
        if keep_predictions:
            result.predictions[name] = predicted.tolist()
    return result


def supervised(model: ELLaGNN, data: Data, epoch: int) -> Tensor:
    """Cross-entropy on the training nodes, enhanced features where there are any."""
    out = run_model(model, data, use_llm=True)
    return F.cross_entropy(out[data.train_mask], data.y[data.train_mask])


def any_enhanced(data: Data) -> bool:
    """Whether the graph has at least one node with enhanced features."""
    index = getattr(data, "llm_index", None)
    return index is not None and index.numel() > 0


def run_model(model: ELLaGNN, data: Data, *, use_llm: bool) -> Tensor:
    """Class scores of every node, with the enhanced features or without.

    With them, nodes listen to their neighbours as the language model advised:
    through ``edge_weight`` where the backbone takes weights, and without the edges
    outside ``keep_edge`` where the graph has it. Without them, the graph's
    ``free_edge_weight`` is used, made by the encoder alone, if there is one.
    """
    weighs = takes_edge_weight(model.backbone)
    if not (use_llm and any_enhanced(data)):
        weight = getattr(data, "free_edge_weight", None) if weighs else None
        return model(data.x, data.edge_index, weight)
    edge_index, weight = _edges(model, data)
    x_llm, view_mask = _rows(model, data)
    return model(
        *(data.x, edge_index, weight),
        x_llm=x_llm,
        llm_mask=data.llm_mask,
        view_mask=view_mask,
    )


def _rows(model: ELLaGNN, data: Data) -> tuple[Tensor, Tensor | None]:
    """Enhanced features as the fusion wants them: in one row or prompt by prompt."""
    if model.fusion in ONE_ROW or getattr(data, "x_views", None) is None:
        return data.x_llm, None
    return data.x_views, data.view_mask


def _edges(model: ELLaGNN, data: Data) -> tuple[Tensor, Tensor | None]:
    """Edges and weights that enhanced nodes listen through."""
    weighs = takes_edge_weight(model.backbone)
    weight = getattr(data, "edge_weight", None) if weighs else None
    keep_edge = getattr(data, "keep_edge", None)
    if keep_edge is None:
        return data.edge_index, weight
    kept = data.edge_index[:, keep_edge]
    return kept, weight[keep_edge] if weight is not None else None


@torch.no_grad()
def predict_view(model: ELLaGNN, data: Data, use_llm: bool) -> Tensor:
    """Predicted class of every node, :math:`(|V|)`, with or without the LLM."""
    model.eval()
    return run_model(model, data, use_llm=use_llm).argmax(dim=-1)


class _Inputs:
    """What one way to run the network reads in evaluation, fused once if it can be."""

    def __init__(self, model: ELLaGNN, data: Data, use_llm: bool, fixed: bool) -> None:
        self.data = data
        self.use_llm = use_llm
        self.plain: Data | None = None
        if fixed and use_llm and any_enhanced(data) and model.fuser is None:
            x_llm, view_mask = _rows(model, data)
            edge_index, weight = _edges(model, data)
            self.plain = Data(
                x=fuse(
                    *(data.x, x_llm, data.llm_mask, model.fusion, model.mix),
                    view_mask=view_mask,
                ),
                edge_index=edge_index,
                free_edge_weight=weight,
            )

    def __call__(self, model: ELLaGNN) -> Tensor:
        if self.plain is not None:
            return run_model(model, self.plain, use_llm=False)
        return run_model(model, self.data, use_llm=self.use_llm)


@torch.no_grad()
def _validate(
    model: ELLaGNN, data: Data, inputs: _Inputs, best: _Best, epoch: int
) -> float:
    model.eval()
    out = inputs(model)[data.val_mask]
    y = data.y[data.val_mask]
    accuracy = float((out.argmax(dim=-1) == y).float().mean())
    loss = float(F.cross_entropy(out, y))
    if (accuracy, -loss) > (best.val_acc, -best.val_loss):
        best.val_acc, best.val_loss, best.epoch = accuracy, loss, epoch
        best.state = {k: v.clone() for k, v in model.state_dict().items()}
    return accuracy
