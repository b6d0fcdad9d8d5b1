"""GCN with residual connections."""

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch_geometric.nn.models.basic_gnn import BasicGNN

from graphllm.models.dropout import Dropout
from graphllm.models.propagation import GCNConv, Propagation


class ResGCN(BasicGNN):
    r"""A GCN whose hidden layers add to what they were given.

    The network of `"Semi-Supervised Classification with Graph Convolutional
    Networks" <https://arxiv.org/abs/1609.02907>`_, appendix B, equation 14:

    .. math::
        \mathbf{H}^{(\ell+1)} = \sigma \left(
            \hat{\mathbf{P}} \mathbf{H}^{(\ell)} \mathbf{W}^{(\ell)} \right)
            + \mathbf{H}^{(\ell)}

    with :math:`\hat{\mathbf{P}} = \hat{\mathbf{D}}^{-1/2} \hat{\mathbf{A}}
    \hat{\mathbf{D}}^{-1/2}`. The first and the last layer change the size and add
    nothing.

    What is added up grows with every layer: beyond about ten of them, give
    ``norm="batch"``.

    Args:
        in_channels (int): Size of each input feature vector.
        hidden_channels (int): Size of each hidden layer.
        num_layers (int): Number of convolutions.
        out_channels (int, optional): Size of the output; else
            ``hidden_channels``. (default: :obj:`None`)
        dropout (float, optional): Dropout after each hidden layer, on what it adds.
            (default: :obj:`0.0`)
        act (str or Callable, optional): :math:`\sigma`. (default: :obj:`"relu"`)
        norm (str or Callable, optional): Normalisation before :math:`\sigma`.
            (default: :obj:`None`)
        residual (bool, optional): Without, this is PyG's ``GCN`` with the graph
            normalised once instead of once a layer. (default: :obj:`True`)
        **kwargs (object): Of PyG's ``BasicGNN`` and ``GCNConv``.

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
        residual: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            in_channels,
            hidden_channels,
            num_layers,
            out_channels,
            dropout=dropout,
            act=act,
            norm=norm,
            jk=None,
            **kwargs,
        )
        self.dropout = Dropout(dropout)
        self.residual = residual

    def init_conv(self, in_channels: int, out_channels: int, **kwargs: Any) -> GCNConv:
        """One convolution."""
        return GCNConv(in_channels, out_channels, **kwargs)

    def forward(
        self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None
    ) -> Tensor:
        """Class scores of every node."""
        graph = Propagation(edge_index, edge_weight, x)
        for layer, conv in enumerate(self.convs[:-1]):
            out = conv(x, graph)
            if self.act is not None and self.act_first:
                out = self.act(out)
            out = self.norms[layer](out)
            if self.act is not None and not self.act_first:
                out = self.act(out)
            out = self.dropout(out)
            x = out + x if self.residual and layer > 0 else out
        return self.convs[-1](x, graph)
