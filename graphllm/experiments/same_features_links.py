"""What the same node vectors give without a language model: links."""

from dataclasses import replace

import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from graphllm.data import (
    LinkSplit,
    hide_links,
    sample_non_edges,
    undirected_links,
)
from graphllm.evaluate import auc, best_threshold, link_metrics
from graphllm.experiments.ellagnn import Training
from graphllm.experiments.same_features import (
    STRENGTHS,
    Control,
    fit_logistic,
    mean_square,
)
from graphllm.models import ELLaGNN

#: A dot product wants small steps and all features; chosen on Cora's validation links.
LINK_TRAINING = Training(
    backbone="gcn", hidden_channels=256, dropout=0.0, lr=0.003, weight_decay=0.0
)


def gnn_links(
    x: Tensor,
    split: LinkSplit,
    backbone: str = "gcn",
    *,
    seed: int = 0,
    training: Training | None = None,
) -> Control:
    r"""Train a GNN to put linked nodes close to each other.

    .. math::
        s_{uv} = \mathbf{z}_u^{\top} \mathbf{z}_v, \qquad
        \mathbf{Z} = \mathrm{GNN}(\mathbf{X}, \mathbf{A})

    with binary cross-entropy on links and as many pairs without one. As LLaGA does
    (:func:`~graphllm.experiments.llaga.fresh_links.fresh_links`), each epoch draws
    anew which of ``eval_edges`` it learns from, as many as ``split.train`` holds, and
    messages run over the others; unlinked pairs are drawn from those that training
    does not know to be linked (validation and test links play no part, not even as
    pairs to avoid). Afterwards messages run over all of ``eval_edges``. The epoch of
    the best validation AUC is kept; test pairs are scored once.

    Args:
        x (Tensor): Node vectors, :math:`(|V|, F)`.
        split (LinkSplit): See :func:`graphllm.data.split_links`.
        backbone (str, optional): See :class:`graphllm.ELLaGNN`.
            (default: :obj:`"gcn"`)
        seed (int, optional): Seed of the initial parameters, dropout and drawn pairs.
            (default: :obj:`0`)
        training (Training, optional): Network and optimisation on the whole graph;
            ``backbone`` in it gives way to the argument.
            (default: :obj:`LINK_TRAINING`)

    Returns:
        Control: With the metrics of :func:`~graphllm.evaluate.link_metrics`, the
        threshold chosen on validation.
    """
    training = replace(training or LINK_TRAINING, backbone=backbone)
    # The caller's random state is left as it was.
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = training.network(x.size(1), training.hidden_channels).to(x.device)
        _learn(model, x, split, training, torch.Generator().manual_seed(seed))
    z = _encode(model, x, split.eval_edges)
    val, test = (_dot(z, part.pairs) for part in (split.val, split.test))
    return _link_control(val, test, split)


def linear_probe_links(
    x: Tensor,
    split: LinkSplit,
    *,
    seed: int = 0,
    strengths: tuple[float, ...] = STRENGTHS,
) -> Control:
    r"""Logistic regression on what two vectors have in common, without the edges.

    On :math:`[\mathbf{x}_u \odot \mathbf{x}_v, |\mathbf{x}_u - \mathbf{x}_v|]`, which
    does not depend on the order of the pair. It learns from all links of
    ``eval_edges``, since it reads no edges that could show them, and from as many
    pairs without one. The penalty is chosen by validation AUC, of equals the strongest.

    Args:
        x (Tensor): Node vectors, :math:`(|V|, F)`.
        split (LinkSplit): See :func:`graphllm.data.split_links`.
        seed (int, optional): Seed of the pairs without a link. (default: :obj:`0`)
        strengths (tuple[float, ...], optional): Inverse penalties to try, ascending.
            (default: powers of ten from 0.0001 to 1)

    Returns:
        Control: With the metrics of :func:`~graphllm.evaluate.link_metrics`, the
        threshold chosen on validation.

    Raises:
        ValueError: If there are no strengths.
    """
    links = undirected_links(split.eval_edges)
    generator = torch.Generator().manual_seed(seed)
    unlinked = sample_non_edges(
        split.eval_edges, split.num_nodes, len(links), generator
    )
    label = torch.cat([links.new_ones(len(links)), links.new_zeros(len(links))])
    train = _blocks(x, torch.cat([links, unlinked]))
    scale = [mean_square(block).rsqrt() for block in train]
    features = _joined(train, scale)
    val_features = _joined(_blocks(x, split.val.pairs), scale)
    models = [fit_logistic(features, label, each) for each in strengths]
    if not models:
        raise ValueError("'strengths' is empty; give at least one")
    val = [_decide(model, val_features) for model in models]
    # Of equals, the first one.
    best = max(range(len(models)), key=lambda i: auc(val[i], split.val.label))
    test_features = _joined(_blocks(x, split.test.pairs), scale)
    return _link_control(val[best], _decide(models[best], test_features), split)


def cosine_links(x: Tensor, split: LinkSplit) -> Control:
    r"""The cosine of two vectors, :math:`\cos(\mathbf{x}_u, \mathbf{x}_v)`, untrained.

    Args:
        x (Tensor): Node vectors, :math:`(|V|, F)`.
        split (LinkSplit): See :func:`graphllm.data.split_links`.

    Returns:
        Control: With the metrics of :func:`~graphllm.evaluate.link_metrics`, the
        threshold chosen on validation.
    """
    unit = F.normalize(x, dim=-1)
    val, test = (_dot(unit, part.pairs) for part in (split.val, split.test))
    return _link_control(val, test, split)


def _learn(
    model: ELLaGNN,
    x: Tensor,
    split: LinkSplit,
    training: Training,
    generator: torch.Generator,
) -> None:
    """Leave the parameters of the best validation AUC in the model."""
    optimizer = torch.optim.Adam(
        model.parameters(), lr=training.lr, weight_decay=training.weight_decay
    )
    count = len(split.train.positive)
    target = torch.cat([x.new_ones(count), x.new_zeros(count)])
    best_auc, best_epoch, best_state = -1.0, 0, model.state_dict()
    for epoch in range(1, training.epochs + 1):
        if epoch - best_epoch > training.patience:
            break
        hidden = hide_links(split.eval_edges, split.num_nodes, count, generator)
        model.train()
        optimizer.zero_grad()
        z = model(x, hidden.edges)
        score = _dot(z, torch.cat([hidden.linked, hidden.unlinked]))
        F.binary_cross_entropy_with_logits(score, target).backward()
        optimizer.step()
        z = _encode(model, x, split.eval_edges)
        value = auc(_dot(z, split.val.pairs), split.val.label)
        if value > best_auc:
            best_auc, best_epoch = value, epoch
            best_state = {k: v.clone() for k, v in model.state_dict().items()}
    model.load_state_dict(best_state)


@torch.no_grad()
def _encode(model: ELLaGNN, x: Tensor, edge_index: Tensor) -> Tensor:
    model.eval()
    return model(x, edge_index)


def _dot(z: Tensor, pairs: Tensor) -> Tensor:
    return (z[pairs[:, 0]] * z[pairs[:, 1]]).sum(dim=-1)


def _blocks(x: Tensor, pairs: Tensor) -> list[Tensor]:
    first, second = x[pairs[:, 0]], x[pairs[:, 1]]
    return [first * second, (first - second).abs()]


def _joined(blocks: list[Tensor], scale: list[Tensor]) -> Tensor:
    """The two blocks side by side, neither of them louder than the other."""
    return torch.cat([b * s for b, s in zip(blocks, scale, strict=True)], dim=-1)


def _decide(model: LogisticRegression, features: Tensor) -> Tensor:
    return torch.from_numpy(model.decision_function(features.cpu().numpy()))


def _link_control(val: Tensor, test: Tensor, split: LinkSplit) -> Control:
    val, test = val.to(split.val.label.device), test.to(split.test.label.device)
    threshold = best_threshold(val, split.val.label)
    return Control(
        val=link_metrics(val, split.val.label, threshold=threshold),
        test=link_metrics(test, split.test.label, threshold=threshold),
        output=test,
    )
