"""What the same node vectors give without a language model: classes of nodes."""

from dataclasses import dataclass, replace

import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torch_geometric.data import Data

from graphllm.errors import TextGraphError
from graphllm.evaluate import accuracy, macro_f1
from graphllm.experiments.ellagnn import Arm, Training, train_arm
from graphllm.experiments.ledger import Ledger

#: Inverse penalties of the probes, on features of mean square one, ascending.
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
_MASKS = ("train_mask", "val_mask", "test_mask")


@dataclass(frozen=True)
class Control:
    """What a model without a language model made of the same vectors.

    Args:
        val (dict[str, float]): Metrics of the validation data, which chose the model.
        test (dict[str, float]): Metrics of the test data, read once.
        output (Tensor): The predicted class of every node, :math:`(|V|)`, or the
            scores of the test pairs, :math:`(M)`.
    """

    val: dict[str, float]
    test: dict[str, float]
    output: Tensor


def gnn_node(
    data: Data,
    backbone: str = "gcn",
    *,
    seed: int = 0,
    training: Training | None = None,
    ledger: Ledger | None = None,
) -> Control:
    """Train a GNN on the vectors and the edges.

    The training of the arm ``plain`` in :func:`~graphllm.experiments.run_ellagnn`;
    enhanced features and edge weights, if the graph has any, are not read.

    Args:
        data (Data): A graph with ``x``, labels and masks.
        backbone (str, optional): See :class:`graphllm.ELLaGNN`.
            (default: :obj:`"gcn"`)
        seed (int, optional): Seed of the initial parameters and dropout.
            (default: :obj:`0`)
        training (Training, optional): Network and optimisation; ``backbone`` in it
            gives way to the argument.
        ledger (Ledger, optional): Where finished trainings are kept.

    Returns:
        Control: With ``accuracy`` and ``macro_f1``.

    Raises:
        TextGraphError: If features, labels or masks are missing.
    """
    _require(data)
    training = replace(training or Training(), backbone=backbone)
    bare = Data(
        num_nodes=data.num_nodes,
        label_names=data.label_names,
        **{name: data[name] for name in ("x", "edge_index", "y", *_MASKS)},
    )
    arm = Arm(bare, {backbone: False})
    done = train_arm(arm, seed, training, ledger, keep_predictions=True)
    predicted = torch.tensor(done.predictions[backbone], device=data.y.device)
    return _node_control(predicted, data)


def linear_probe(data: Data, *, strengths: tuple[float, ...] = STRENGTHS) -> Control:
    """Multinomial logistic regression on the vectors, without the edges.

    What a linear map can read from the vectors; the penalty is chosen by validation
    accuracy, of equals the strongest.

    Args:
        data (Data): A graph with ``x``, labels and masks.
        strengths (tuple[float, ...], optional): Inverse penalties to try, ascending.
            (default: powers of ten from 0.0001 to 1)

    Returns:
        Control: With ``accuracy`` and ``macro_f1``.

    Raises:
        TextGraphError: If features, labels or masks are missing, or the training
            nodes are all of one class.
        ValueError: If there are no strengths.
    """
    _require(data)
    x = data.x / mean_square(data.x[data.train_mask]).sqrt()
    best: Tensor | None = None
    best_score = -1.0
    for strength in strengths:
        model = fit_logistic(x[data.train_mask], data.y[data.train_mask], strength)
        predicted = torch.from_numpy(model.predict(x.cpu().numpy()))
        predicted = predicted.to(data.y.device)
        score = accuracy(predicted[data.val_mask], data.y[data.val_mask])
        if score > best_score:
            best, best_score = predicted, score
    if best is None:
        raise ValueError("'strengths' is empty; give at least one")
    return _node_control(best, data)


def fit_logistic(x: Tensor, y: Tensor, strength: float) -> LogisticRegression:
    """Logistic regression with an L2 penalty.

    Args:
        x (Tensor): Features, :math:`(M, F)`.
        y (Tensor): Classes, :math:`(M)`.
        strength (float): Inverse of the penalty.

    Returns:
        LogisticRegression: Fitted; the same for the same arguments.

    Raises:
        TextGraphError: If there is one class only.
    """
    if int(y.unique().numel()) < 2:
        raise TextGraphError(
            f"a linear probe needs two classes to tell apart, and all {y.numel()} "
            f"training examples are of class {int(y[0])}; use another split"
        )
    model = LogisticRegression(C=strength, max_iter=2000)
    return model.fit(x.detach().cpu().numpy(), y.cpu().numpy())


def mean_square(x: Tensor) -> Tensor:
    """Mean square of all entries, so that one grid of penalties fits any encoder."""
    return x.square().mean().clamp_min(torch.finfo(x.dtype).tiny)


def _require(data: Data) -> None:
    for name in ("x", "y", "label_names", *_MASKS):
        if getattr(data, name, None) is None:
            raise TextGraphError(
                f"the graph has no '{name}'; set data.x to the node vectors and make a "
                "split with graphllm.data.apply_split"
            )


def _node_control(predicted: Tensor, data: Data) -> Control:
    val, test = (
        {
            "accuracy": accuracy(predicted[mask], data.y[mask]),
            "macro_f1": macro_f1(predicted[mask], data.y[mask]),
        }
        for mask in (data.val_mask, data.test_mask)
    )
    return Control(val, test, predicted)
