"""APPNP: predict from features, then propagate the predictions."""

from collections.abc import Callable
from typing import Any

import torch_geometric.nn as pyg
from torch import Tensor, nn

from graphllm.models.dropout import Dropout
from graphllm.models.propagation import APPNPConv, Propagation


class APPNP(nn.Module):
    r"""An MLP whose class scores spread by personalised PageRank.

    `"Predict then Propagate: Graph Neural Networks meet Personalized PageRank"
    <https://arxiv.org/abs/1810.05997>`_, equations 4 and 5:

    .. math::
        \mathbf{Z}^{(0)} = \mathrm{MLP}(\mathbf{X}), \qquad
        \mathbf{Z}^{(k+1)} = (1 - \alpha) \hat{\mathbf{P}} \mathbf{Z}^{(k)}
            + \alpha \mathbf{Z}^{(0)}, \qquad k < K

    .. note::
        The authors also drop edges anew in each of the :math:`K` steps. Here only
        features are dropped.

    Args:
        in_channels (int): Size of each input feature vector.
        hidden_channels (int): Size of each hidden layer.
        num_layers (int): Number of dense layers.
        out_channels (int, optional): Size of the output; else
            ``hidden_channels``. (default: :obj:`None`)
        dropout (float, optional): Dropout before every dense layer.
            (default: :obj:`0.0`)
        act (str or Callable, optional): Activation of the hidden layers.
            (default: :obj:`"relu"`)
        norm (str or Callable, optional): Normalisation of the hidden layers.
            (default: :obj:`None`)
        K (int, optional): Steps of propagation. (default: :obj:`10`)
        alpha (float, optional): :math:`\alpha`, the share that stays.
            (default: :obj:`0.1`)
        **kwargs (object): Of PyG's ``MLP``.

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
        K: int = 10,
        alpha: float = 0.1,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels or hidden_channels
        self.num_layers = num_layers
        self.dropout = Dropout(dropout)
        self.mlp = pyg.MLP(
            in_channels=in_channels,
            hidden_channels=hidden_channels,
            out_channels=self.out_channels,
            num_layers=num_layers,
            dropout=dropout,
            act=act,
            norm=norm,
            **kwargs,
        )
        self.prop = APPNPConv(K, alpha)

    def reset_parameters(self) -> None:
        """Initialise every layer afresh."""
        self.mlp.reset_parameters()

    def forward(
        self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None
    ) -> Tensor:
        """Class scores of every node."""
        x = self.mlp(self.dropout(x))
        return self.prop(x, Propagation(edge_index, edge_weight, x))

    def __repr__(self) -> str:
        return (
            f"{self.__class__.__name__}({self.in_channels}, {self.out_channels}, "
            f"num_layers={self.num_layers}, K={self.prop.K})"
        )
