"""JK-Net: every layer speaks in the output."""

from typing import Any, Literal

import torch_geometric.nn as pyg


class JKNet(pyg.GCN):
    r"""A GCN whose output reads all layers, not only the last.

    `"Representation Learning on Graphs with Jumping Knowledge Networks"
    <https://arxiv.org/abs/1806.03536>`_, section 4:

    .. math::
        \mathbf{H}^{(\ell)} = \sigma \left(
            \hat{\mathbf{P}} \mathbf{H}^{(\ell-1)} \mathbf{W}^{(\ell)} \right),
        \qquad
        \mathbf{z}_i = \mathbf{W} \, \mathrm{aggregate} \left(
            \mathbf{h}^{(1)}_i, \dots, \mathbf{h}^{(L)}_i \right)

    Args:
        in_channels (int): Size of each input feature vector.
        hidden_channels (int): Size of each hidden layer.
        num_layers (int): Number of convolutions, :math:`L`.
        out_channels (int, optional): Size of the output; else
            ``hidden_channels``. (default: :obj:`None`)
        dropout (float, optional): Dropout after each layer. (default: :obj:`0.0`)
        jk (str, optional): ``"max"`` (for each channel, the layer where it is
            largest), ``"cat"`` or ``"lstm"``. (default: :obj:`"max"`)
        **kwargs (object): Of PyG's ``GCN``, for example ``act`` or ``norm``.

    Shapes:
        - **x:** :math:`(|V|, F)`
        - **edge_index:** :math:`(2, |E|)`
        - **edge_weight:** :math:`(|E|)`, optional
        - **output:** :math:`(|V|, C)`
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        num_layers: int,
        out_channels: int | None = None,
        dropout: float = 0.0,
        jk: Literal["max", "cat", "lstm"] = "max",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            in_channels,
            hidden_channels,
            num_layers,
            out_channels,
            dropout=dropout,
            jk=jk,
            **kwargs,
        )
