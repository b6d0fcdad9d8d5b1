"""Fusion with parameters: a gate, and attention over views."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphllm.models.fusion import keep_length, mean_view


class GateFusion(nn.Module):
    r"""Learns for each node how much of its enhanced features to let in.

    .. math::
        g_i = \mathrm{sigmoid} \left( \mathbf{w}^{\top}
            [\mathbf{x}_i \,\Vert\, \mathbf{x}^{+}_i] + b \right), \qquad
        \tilde{\mathbf{x}}_i \propto
            (1 - g_i) \, \mathbf{x}_i + g_i \, \mathbf{x}^{+}_i ,

    at the length of :math:`\mathbf{x}_i`, with the mean view
    :math:`\mathbf{x}^{+}_i`. LLM-free, the gate is shut: the network reads
    :math:`\mathbf{x}_i` itself. Parameters start at zero, the gate at one half.

    Args:
        in_channels (int): Size of each feature vector, :math:`F`.

    Shapes:
        - **plain:** :math:`(b, F)`
        - **views:** :math:`(b, P, F)`
        - **view_mask:** :math:`(b, P)` ``bool``
        - **output:** :math:`(b, F)`
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(2 * in_channels))
        self.bias = nn.Parameter(torch.empty(1))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Open the gate halfway."""
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)

    def gate(self, plain: Tensor, enhanced: Tensor) -> Tensor:
        r"""The gates :math:`g_i`, :math:`(b, 1)`."""
        both = torch.cat([plain, enhanced], dim=-1)
        return torch.sigmoid(both @ self.weight + self.bias).unsqueeze(-1)

    def forward(self, plain: Tensor, views: Tensor, view_mask: Tensor) -> Tensor:
        """Fused rows."""
        enhanced = mean_view(views, view_mask)
        gate = self.gate(plain, enhanced)
        blend = (1.0 - gate) * plain + gate * enhanced
        return keep_length(blend, plain, enhanced)


class AttentionFusion(nn.Module):
    r"""Learns which of a node's views to trust, the plain one among them.

    .. math::
        e_{iv} = \mathbf{q}^{\top} \tanh(\mathbf{W} \mathbf{x}_{iv} + \mathbf{b}),
        \qquad \tilde{\mathbf{x}}_i \propto
            \sum_{v} \mathrm{softmax}_v(e_{iv}) \, \mathbf{x}_{iv} ,

    over the plain features :math:`\mathbf{x}_{i0} = \mathbf{x}_i` and the valid
    views, at the length of :math:`\mathbf{x}_i`. The same parameters serve any number
    of views. :math:`\mathbf{q}` starts at zero: all views count alike.

    Args:
        in_channels (int): Size of each feature vector, :math:`F`.
        attention_channels (int, optional): Size of :math:`\mathbf{q}`.
            (default: :obj:`32`)

    Shapes:
        - **plain:** :math:`(b, F)`
        - **views:** :math:`(b, P, F)`
        - **view_mask:** :math:`(b, P)` ``bool``
        - **output:** :math:`(b, F)`
    """

    def __init__(self, in_channels: int, attention_channels: int = 32) -> None:
        super().__init__()
        self.lin = nn.Linear(in_channels, attention_channels)
        self.query = nn.Parameter(torch.zeros(attention_channels))

    def reset_parameters(self) -> None:
        """Initialise afresh."""
        self.lin.reset_parameters()
        nn.init.zeros_(self.query)

    def attention(self, views: Tensor, view_mask: Tensor) -> Tensor:
        """Shares of the views, :math:`(b, P)`, zero where there is none."""
        score = torch.tanh(self.lin(views)) @ self.query
        return F.softmax(score.masked_fill(~view_mask, -torch.inf), dim=1)

    def forward(self, plain: Tensor, views: Tensor, view_mask: Tensor) -> Tensor:
        """Fused rows."""
        views = views.masked_fill(~view_mask.unsqueeze(-1), 0.0)
        enhanced = mean_view(views, view_mask)
        always = torch.ones_like(view_mask[:, :1])
        views = torch.cat([plain.unsqueeze(1), views], dim=1)
        share = self.attention(views, torch.cat([always, view_mask], dim=1))
        blend = (share.unsqueeze(-1) * views).sum(dim=1)
        return keep_length(blend, plain, enhanced)


def learned_fusion(fusion: str, in_channels: int) -> nn.Module | None:
    """The module of a fusion with parameters; nothing for the others.

    Args:
        fusion (str): One of the modes of :func:`graphllm.models.fuse`.
        in_channels (int): Size of each feature vector.

    Returns:
        torch.nn.Module or None: Called with (plain rows, views, mask of the views).

    Raises:
        ValueError: If the size is needed and not known.
    """
    classes = {"gate": GateFusion, "attention": AttentionFusion}
    if fusion not in classes:
        return None
    if in_channels < 1:
        raise ValueError(
            f"fusion '{fusion}' has parameters and needs 'in_channels', the size of "
            f"each feature vector (got {in_channels})"
        )
    return classes[fusion](in_channels)
