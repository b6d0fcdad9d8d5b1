"""GCNII: initial residual and identity mapping."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch_geometric.nn as pyg
from torch import Tensor, nn
from torch_geometric.nn.resolver import activation_resolver, normalization_resolver

from graphllm.models.dropout import Dropout
from graphllm.models.propagation import GCN2Conv, Propagation


class GCNII(nn.Module):
    r"""A deep GCN with initial residual and identity mapping.

    `"Simple and Deep Graph Convolutional Networks"
    <https://arxiv.org/abs/2007.02133>`_, equation 5:

    .. math::
        \mathbf{H}^{(0)} &= \sigma(\mathbf{X} \mathbf{W}_{in}) \\
        \mathbf{H}^{(\ell)} &= \sigma \left(
            \left( (1 - \alpha) \hat{\mathbf{P}} \mathbf{H}^{(\ell-1)}
                + \alpha \mathbf{H}^{(0)} \right)
            \left( (1 - \beta_\ell) \mathbf{I} + \beta_\ell \mathbf{W}^{(\ell)}
            \right) \right), \qquad
            \beta_\ell = \log(\theta / \ell + 1) \\
        \mathbf{Z} &= \mathbf{H}^{(L)} \mathbf{W}_{out}

    .. note::
        The authors decay the weights of the convolutions and of the two dense
        layers differently. Here one optimiser decides, the same for all networks.

    Args:
        in_channels (int): Size of each input feature vector.
        hidden_channels (int): Size of each hidden layer.
        num_layers (int): Number of convolutions, :math:`L`; the two dense layers
            come on top.
        out_channels (int, optional): Size of the output; else
            ``hidden_channels``. (default: :obj:`None`)
        dropout (float, optional): Dropout before every layer. (default: :obj:`0.0`)
        act (str or Callable, optional): :math:`\sigma`. (default: :obj:`"relu"`)
        norm (str or Callable, optional): Normalisation before :math:`\sigma`.
            (default: :obj:`None`)
        norm_kwargs (dict, optional): Arguments of the normalisation.
            (default: :obj:`None`)
        alpha (float, optional): :math:`\alpha`. (default: :obj:`0.1`)
        theta (float, optional): :math:`\theta`, called lambda in the paper.
            (default: :obj:`0.5`)
        shared_weights (bool, optional): With :obj:`False` the initial residual has
            weights of its own (GCNII*). (default: :obj:`True`)

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
        alpha: float = 0.1,
        theta: float = 0.5,
        shared_weights: bool = True,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels or hidden_channels
        self.num_layers = num_layers
        self.dropout = Dropout(dropout)
        self.act = activation_resolver(act) or nn.Identity()
        layer = normalization_resolver(norm, hidden_channels, **(norm_kwargs or {}))
        layer = nn.Identity() if layer is None else layer
        self.lin_in = pyg.Linear(in_channels, hidden_channels)
        self.convs = nn.ModuleList(
            GCN2Conv(hidden_channels, alpha, theta, number, shared_weights)
            for number in range(1, num_layers + 1)
        )
        self.norms = nn.ModuleList(deepcopy(layer) for _ in range(num_layers))
        self.lin_out = pyg.Linear(hidden_channels, self.out_channels)

    def reset_parameters(self) -> None:
        """Initialise every layer afresh."""
        for layer in (self.lin_in, *self.convs, *self.norms, self.lin_out):
            if hasattr(layer, "reset_parameters"):
                layer.reset_parameters()

    def forward(
        self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None
    ) -> Tensor:
        """Class scores of every node."""
        graph = Propagation(edge_index, edge_weight, x)
        x = first = self.act(self.lin_in(self.dropout(x)))
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = self.act(norm(conv(self.dropout(x), first, graph)))
        return self.lin_out(self.dropout(x))

    def __repr__(self) -> str:
        return (
            f"{self.__class__.__name__}({self.in_channels}, {self.out_channels}, "
            f"num_layers={self.num_layers})"
        )
