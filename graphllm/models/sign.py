"""SIGN: hops of smoothed features side by side, and dense layers on top."""

from collections.abc import Callable
from typing import Any

import torch
import torch_geometric.nn as pyg
from torch import Tensor, nn
from torch_geometric.nn.resolver import activation_resolver, normalization_resolver

from graphllm.models.dropout import Dropout
from graphllm.models.propagation import Propagation


class SIGN(nn.Module):
    r"""Reads every node with its first :math:`L` hops, without any convolution.

    `"SIGN: Scalable Inception Graph Neural Networks"
    <https://arxiv.org/abs/2004.11198>`_, equation 4, with the powers of one operator:

    .. math::
        \mathbf{Z} = \sigma \left( \left[ \mathbf{X} \boldsymbol{\Theta}_0 \,\|\,
            \hat{\mathbf{P}} \mathbf{X} \boldsymbol{\Theta}_1 \,\|\, \dots \,\|\,
            \hat{\mathbf{P}}^L \mathbf{X} \boldsymbol{\Theta}_L \right] \right),
        \qquad \mathbf{Y} = \mathbf{Z} \boldsymbol{\Omega}

    The hops hold no weights: they are computed once and kept as long as the network
    is given the same, unchanged tensors.

    .. note::
        The authors also use powers of Personalised PageRank and of triangle-based
        operators.

    Args:
        in_channels (int): Size of each input feature vector.
        hidden_channels (int): Size of each hop after its own layer.
        num_layers (int): Hops, :math:`L`.
        out_channels (int, optional): Size of the output; else
            ``hidden_channels``. (default: :obj:`None`)
        dropout (float, optional): Dropout of :math:`\mathbf{Z}`.
            (default: :obj:`0.0`)
        act (str or Callable, optional): :math:`\sigma`. (default: :obj:`"relu"`)
        norm (str or Callable, optional): Normalisation before :math:`\sigma`.
            (default: :obj:`None`)
        norm_kwargs (dict, optional): Arguments of the normalisation.
            (default: :obj:`None`)

    Shapes:
        - **x:** :math:`(|V|, F)`
        - **edge_index:** :math:`(2, |E|)`
        - **edge_weight:** :math:`(|E|)`, optional
        - **output:** :math:`(|V|, C)`
    """

    supports_edge_weight = True
    supports_edge_attr = False

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        num_layers: int,
        out_channels: int | None = None,
        dropout: float = 0.0,
        act: str | Callable[..., Any] | None = "relu",
        norm: str | Callable[..., Any] | None = None,
        norm_kwargs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels or hidden_channels
        self.num_layers = num_layers
        width = hidden_channels * (num_layers + 1)
        self.lins = nn.ModuleList(
            pyg.Linear(in_channels, hidden_channels) for _ in range(num_layers + 1)
        )
        layer = normalization_resolver(norm, width, **(norm_kwargs or {}))
        self.norm = nn.Identity() if layer is None else layer
        self.act = activation_resolver(act) or nn.Identity()
        self.dropout = Dropout(dropout)
        self.lin_out = pyg.Linear(width, self.out_channels)
        self._known: tuple[tuple[Any, ...], tuple[Any, ...], list[Tensor]] | None = None

    def reset_parameters(self) -> None:
        """Initialise every layer afresh."""
        for layer in (*self.lins, self.norm, self.lin_out):
            if hasattr(layer, "reset_parameters"):
                layer.reset_parameters()

    def forward(
        self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None
    ) -> Tensor:
        """Class scores of every node."""
        hops = self._hops(x, edge_index, edge_weight)
        parts = [lin(hop) for lin, hop in zip(self.lins, hops, strict=True)]
        out: Tensor = self.act(self.norm(torch.cat(parts, dim=-1)))
        return self.lin_out(self.dropout(out))

    def __getstate__(self) -> dict[str, Any]:
        """Without the hops: copies and files are of the network alone."""
        return {**self.__dict__, "_known": None}

    def __repr__(self) -> str:
        return (
            f"{self.__class__.__name__}({self.in_channels}, {self.out_channels}, "
            f"num_layers={self.num_layers})"
        )

    def _hops(
        self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None
    ) -> list[Tensor]:
        """Features of each hop, made now or in an earlier pass over these tensors."""
        given = (x, edge_index, edge_weight)
        if any(each is not None and each.is_inference() for each in given):
            return self._propagated(*given)
        versions = tuple(-1 if each is None else each._version for each in given)
        if self._known is not None:
            known, before, hops = self._known
            # The tensors themselves: equal addresses could be of others by now.
            if versions == before and all(map(_same, known, given)):
                return hops
        hops = self._propagated(*given)
        if not any(hop.requires_grad for hop in hops):
            self._known = (given, versions, hops)
        return hops

    def _propagated(
        self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None
    ) -> list[Tensor]:
        graph = Propagation(edge_index, edge_weight, x)
        hops = [x]
        for _ in range(self.num_layers):
            hops.append(_times(graph, hops[-1]))
        return hops


def _same(a: object, b: object) -> bool:
    return a is b


def _times(graph: Propagation, x: Tensor) -> Tensor:
    if graph.is_fixed:
        return graph @ x
    # A weight that learns gets its gradient.
    source, target = graph.edge_index
    messages = graph.weight.unsqueeze(-1) * x[source]
    return torch.zeros_like(x).index_add(0, target, messages)
