"""Class probabilities for selectors: given ones, or those of a small model."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.nn import GCN

from graphllm.errors import GraphLLMError, TextGraphError
from graphllm.selection.base import SelectionContext
from graphllm.selection.features import node_features

Kind = Literal["gcn", "mlp"]
HIDDEN_CHANNELS = 32
DROPOUT = 0.5
LEARNING_RATE = 0.01
WEIGHT_DECAY = 5e-4


def class_probs(
    data: Data, context: SelectionContext, kind: Kind, num_epochs: int
) -> Tensor:
    r"""Class probabilities of every node from a small model trained on the spot.

    Two layers of 32 channels, PyG's ``GCN`` or an MLP, on the features of the
    context, trained with Adam (learning rate 0.01, weight decay 5e-4) on the
    cross-entropy of ``data.train_mask`` for a fixed number of epochs. No label
    outside the mask is read, nothing is tuned and nothing stops early: a selector
    must not know more than the model that it serves.

    Dropout (0.5) silences a hidden channel for all nodes at once, as in `"Dropout as a
    Bayesian Approximation" <https://arxiv.org/abs/1506.02142>`_ (2016), where one
    draw is one network. Scores then do not depend on the numbering of the nodes.

    Args:
        data (Data): The graph, with ``y`` and ``train_mask``. Labels below zero are
            unknown.
        context (SelectionContext): Features, number of classes, seed.
        kind (str): ``"gcn"`` or ``"mlp"``.
        num_epochs (int): Length of the training.

    Returns:
        Tensor: :math:`(|V|, C)` on the device of ``data.edge_index``.

    Raises:
        TextGraphError: If there is no labelled training node, a training label is not
            below the number of classes, or the features are not usable.
    """
    return _predict(data, context, kind, num_epochs, 0)


def dropout_samples(
    data: Data, context: SelectionContext, num_epochs: int, num_samples: int
) -> Tensor:
    r"""Class probabilities of several passes with dropout through one trained GCN.

    Args:
        data (Data): See :func:`class_probs`.
        context (SelectionContext): See :func:`class_probs`.
        num_epochs (int): Length of the training.
        num_samples (int): :math:`T`, number of passes.

    Returns:
        Tensor: :math:`(T, |V|, C)`.

    Raises:
        TextGraphError: See :func:`class_probs`.
    """
    return _predict(data, context, "gcn", num_epochs, num_samples)


def check_probs(probs: Tensor, num_nodes: int, name: str) -> Tensor:
    """Refuse class probabilities that are none.

    Args:
        probs (Tensor): :math:`(|V|, C)`, or :math:`(T, |V|, C)` with at least two
            samples.
        num_nodes (int): Number of nodes.
        name (str): ``"probs"`` or ``"samples"``, the field of the context.

    Returns:
        Tensor: The same on the CPU, ``float64``, without gradients.

    Raises:
        GraphLLMError: If the shape is wrong or a row does not sum to one.
    """
    probs = probs.detach().double().cpu()
    samples = name == "samples"
    if (
        probs.dim() != 2 + samples
        or probs.size(-2) != num_nodes
        or (samples and len(probs) < 2)
    ):
        shape = f"({'T >= 2, ' if samples else ''}{num_nodes}, C)"
        raise GraphLLMError(
            f"'context.{name}' must have shape {shape} (got {tuple(probs.shape)})"
        )
    off = (probs.sum(-1) - 1.0).abs()
    # Half-precision probabilities are off by a per mille or two.
    if not bool((off < 0.01).all()) or bool((probs < 0.0).any()):
        raise GraphLLMError(
            f"'context.{name}' must hold probabilities that sum to one for each node; "
            "apply a softmax to scores first"
        )
    return probs


class _ChannelDropout(nn.Module):
    """Zeroes hidden channels, the same ones for every node."""

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout1d(x.t().unsqueeze(0), DROPOUT, self.training)[0].t()


def _predict(
    data: Data, context: SelectionContext, kind: Kind, num_epochs: int, num_samples: int
) -> Tensor:
    device = data.edge_index.device
    x = torch.from_numpy(node_features(data, context)).to(device)
    index, label, num_classes = _training_labels(data, context)
    # Seeding touches every device.
    devices = list(range(torch.cuda.device_count()))
    with torch.random.fork_rng(devices), torch.enable_grad():
        torch.manual_seed(context.seed)
        model = _model(kind, x.size(1), num_classes).to(device)
        inputs = (x, data.edge_index) if kind == "gcn" else (x,)

        def logits() -> Tensor:
            # An MLP need not look at other nodes while it learns.
            return model(*inputs)[index] if kind == "gcn" else model(x[index])

        # Initial weights follow torch's default type, features are float32.
        model.float().train()
        optimizer = torch.optim.Adam(
            model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY
        )
        for _ in range(num_epochs):
            optimizer.zero_grad()
            F.cross_entropy(logits(), label).backward()
            optimizer.step()
        with torch.no_grad():
            if num_samples == 0:
                return model.eval()(*inputs).softmax(dim=-1)
            passes = [model(*inputs).softmax(dim=-1) for _ in range(num_samples)]
            return torch.stack(passes)


def _model(kind: Kind, in_channels: int, num_classes: int) -> nn.Module:
    if kind == "mlp":
        return nn.Sequential(
            nn.Linear(in_channels, HIDDEN_CHANNELS),
            nn.ReLU(),
            _ChannelDropout(),
            nn.Linear(HIDDEN_CHANNELS, num_classes),
        )
    gcn = GCN(in_channels, HIDDEN_CHANNELS, 2, num_classes, cached=True)
    gcn.dropout = _ChannelDropout()
    return gcn


def _training_labels(
    data: Data, context: SelectionContext
) -> tuple[Tensor, Tensor, int]:
    mask, labels = getattr(data, "train_mask", None), getattr(data, "y", None)
    if mask is None or labels is None:
        raise TextGraphError(
            "this selector trains a small model and needs 'data.y' and "
            "'data.train_mask'; or pass class probabilities as 'context.probs'"
        )
    index = mask.nonzero().view(-1)
    label = labels.view(-1)[index]
    index, label = index[label >= 0], label[label >= 0]
    if index.numel() == 0:
        raise TextGraphError(
            "this selector trains a small model, and 'data.train_mask' holds no "
            "labelled node; or pass class probabilities as 'context.probs'"
        )
    highest = int(label.max())
    names = getattr(data, "label_names", None)
    num_classes = context.num_classes or len(names or ()) or highest + 1
    if highest >= num_classes:
        raise TextGraphError(
            f"a training label is {highest}, and there are {num_classes} classes; "
            "labels must lie below 'context.num_classes'"
        )
    return index, label, num_classes
