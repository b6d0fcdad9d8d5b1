"""SGC: a linear classifier on smoothed features."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from graphllm.models.dropout import Dropout
from graphllm.models.propagation import Propagation, SGConv


class SGC(nn.Module):
    r"""A GCN without anything between its convolutions.

    `"Simplifying Graph Convolutional Networks" <https://arxiv.org/abs/1902.07153>`_,
    equation 8:

    .. math::
        \mathbf{Z} = \hat{\mathbf{P}}^{K} \mathbf{X} \mathbf{W} + \mathbf{b}

    Args:
        in_channels (int): Size of each input feature vector.
        hidden_channels (int): There is no hidden layer: only the default of
            ``out_channels``. Taken, like ``act`` and ``norm``, so that every
            backbone is made alike.
        num_layers (int): Steps of propagation, :math:`K`.
        out_channels (int, optional): Size of the output; else
            ``hidden_channels``. (default: :obj:`None`)
        dropout (float, optional): Dropout of the features; the authors use none.
            (default: :obj:`0.0`)
        act (str or Callable, optional): Not used. (default: :obj:`None`)
        norm (str or Callable, optional): Not used. (default: :obj:`None`)
        **kwargs (object): Of PyG's ``SGConv``.

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
        act: str | Callable[..., Any] | None = None,
        norm: str | Callable[..., Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels or hidden_channels
        self.num_layers = num_layers
        self.dropout = Dropout(dropout)
        self.conv = SGConv(in_channels, self.out_channels, K=num_layers, **kwargs)

    def reset_parameters(self) -> None:
        """Initialise the classifier afresh."""
        self.conv.reset_parameters()

    def forward(
        self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None
    ) -> Tensor:
        """Class scores of every node."""
        graph = Propagation(edge_index, edge_weight, x)
        return self.conv(self.dropout(x), graph)

    def __repr__(self) -> str:
        return (
            f"{self.__class__.__name__}({self.in_channels}, {self.out_channels}, "
            f"num_layers={self.num_layers})"
        )
