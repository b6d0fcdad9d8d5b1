"""Nodes that a model is unsure about."""

from typing import Literal, get_args

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphllm.errors import GraphLLMError, UnknownNameError
from graphllm.selection.base import SelectionContext, Selector
from graphllm.selection.warmup import check_probs, class_probs, dropout_samples

Kind = Literal["entropy", "mc_dropout"]


def entropy(probs: Tensor) -> Tensor:
    r"""Entropy of each row in nats, :math:`-\sum_c p_{ic} \ln p_{ic}`.

    Args:
        probs (Tensor): :math:`(N, C)`.

    Returns:
        Tensor: :math:`(N)`, with :math:`0 \ln 0 = 0`.
    """
    return torch.special.entr(probs).sum(dim=-1)


class UncertaintySelector(Selector):
    r"""Selects the nodes whose class a graph network is least sure of.

    * ``"entropy"``: :math:`s_i = -\sum_c p_{ic} \ln p_{ic}` of the class
      probabilities.
    * ``"mc_dropout"``: the variance over :math:`T` passes with dropout, as in `"LOGIN:
      A Large Language Model Consulted Graph Neural Network Training Framework"
      <https://arxiv.org/abs/2405.13902>`_ (2025),

      .. math::
          s_i = \sum_c \frac{1}{T} \sum_t \left( p^{(t)}_{ic} - \bar{p}_{ic} \right)^2

    Probabilities are ``context.probs`` (or the mean of ``context.samples``), samples
    are ``context.samples``: hand in those of the live model to choose anew during
    training. Without them a GCN of two layers is trained on the training labels; see
    :func:`graphllm.selection.warmup.class_probs`.

    .. note::
        Dropout silences a channel for all nodes at once; LOGIN draws for each node.

    Args:
        kind (str, optional): ``"entropy"`` or ``"mc_dropout"``.
            (default: :obj:`"entropy"`)
        num_samples (int, optional): Passes of ``"mc_dropout"``. (default: :obj:`20`)
        num_epochs (int, optional): Length of the warm-up. (default: :obj:`100`)

    Shapes:
        - **output:** scores :math:`(|\mathcal{V}|)`

    Raises:
        UnknownNameError: If there is no such kind.
        GraphLLMError: If a number is out of range.
    """

    def __init__(
        self, kind: Kind = "entropy", num_samples: int = 20, num_epochs: int = 100
    ) -> None:
        if kind not in get_args(Kind):
            raise UnknownNameError("uncertainty", kind, get_args(Kind))
        if num_samples < 2:
            raise GraphLLMError(f"'num_samples' must be >= 2 (got {num_samples})")
        check_epochs(num_epochs)
        self.kind = kind
        self.num_samples = num_samples
        self.num_epochs = num_epochs

    def score(self, data: Data, context: SelectionContext) -> Tensor:
        """Entropies or variances.

        Raises:
            TextGraphError: If a model has to be trained and cannot be.
            GraphLLMError: If the context's probabilities are none.
        """
        if self.kind == "mc_dropout":
            samples = context.samples
            if samples is None:
                samples = dropout_samples(
                    data, context, self.num_epochs, self.num_samples
                )
            samples = check_probs(samples, data.num_nodes, "samples")
            return samples.var(dim=0, correction=0).sum(dim=-1)
        return entropy(gnn_probs(data, context, self.num_epochs))


def gnn_probs(data: Data, context: SelectionContext, num_epochs: int) -> Tensor:
    """Probabilities of the context, or else of a warm-up GCN.

    Args:
        data (Data): The graph.
        context (SelectionContext): ``probs`` come first, then the mean of
            ``samples``.
        num_epochs (int): Length of the warm-up.

    Returns:
        Tensor: :math:`(|V|, C)` ``float64`` on the CPU.

    Raises:
        TextGraphError: If a model has to be trained and cannot be.
        GraphLLMError: If the context's probabilities are none.
    """
    if context.probs is not None:
        return check_probs(context.probs, data.num_nodes, "probs")
    if context.samples is not None:
        return check_probs(context.samples, data.num_nodes, "samples").mean(dim=0)
    probs = class_probs(data, context, "gcn", num_epochs)
    return check_probs(probs, data.num_nodes, "probs")


def check_epochs(num_epochs: int) -> None:
    """Refuse a training without an epoch.

    Raises:
        GraphLLMError: If ``num_epochs`` is below one.
    """
    if num_epochs < 1:
        raise GraphLLMError(f"'num_epochs' must be >= 1 (got {num_epochs})")
