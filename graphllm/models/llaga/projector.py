"""The trained part of LLaGA: from node vectors to the language model's space."""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from graphllm.errors import LLMError


class GraphTokenProjector(nn.Module):
    r"""Maps graph tokens into the input space of a language model.

    LLaGA (Chen et al., "LLaGA: Large Language and Graph Assistant", ICML 2024,
    section 3.2). One layer is :math:`W h + b`; :math:`n` layers are

    .. math::
        f(h) = W_n\, \sigma(\cdots \sigma(W_1 h + b_1) \cdots) + b_n

    with :math:`\sigma = \mathrm{GELU}`. What differs from the authors' code: inputs
    can be standardised by the mean and scale of the training graph
    (:meth:`fit_inputs`), and outputs are brought to the root mean square
    :math:`r` of the model's own word vectors,

    .. math::
        f'(h) = g \, r \, \frac{f(h)}{\sqrt{\mathrm{mean}_i f(h)_i^2}},

    with a learned :math:`g`, first one. Word vectors are small (about 0.1) and text
    encodings are not; without the match, early steps at the paper's learning rate
    are spent on the scale alone. ``rms=None`` is the authors' projector.

    Args:
        in_channels (int): Width of a graph token.
        out_channels (int): Width of the language model.
        num_layers (int, optional): Linear layers. (default: :obj:`2`)
        hidden_channels (int, optional): Width between them.
            (default: ``out_channels``, as in the paper)
        dropout (float, optional): Dropout of the inputs and between layers.
            (default: :obj:`0.0`)
        rms (float, optional): Root mean square of each output vector; :obj:`None`
            leaves outputs as they are. (default: :obj:`None`)

    Shapes:
        - **input:** :math:`(*, \text{in\_channels})`
        - **output:** :math:`(*, \text{out\_channels})`

    Raises:
        LLMError: If there is less than one layer.
    """

    mean: Tensor
    scale: Tensor
    rms: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        num_layers: int = 2,
        *,
        hidden_channels: int | None = None,
        dropout: float = 0.0,
        rms: float | None = None,
    ) -> None:
        super().__init__()
        if num_layers < 1:
            raise LLMError(f"a projector needs at least one layer, not {num_layers}")
        self.in_channels = in_channels
        self.out_channels = out_channels
        hidden = hidden_channels or out_channels
        widths = [in_channels, *[hidden] * (num_layers - 1), out_channels]
        self.layers = nn.ModuleList(
            nn.Linear(width, after) for width, after in pairwise(widths)
        )
        self.dropout = nn.Dropout(dropout)
        self.register_buffer("mean", torch.zeros(in_channels))
        self.register_buffer("scale", torch.ones(in_channels))
        self.register_buffer("rms", torch.tensor(rms or 0.0))
        self.gain = nn.Parameter(torch.ones(())) if rms else None

    @torch.no_grad()
    def fit_inputs(self, x: Tensor) -> None:
        """Standardise inputs by the mean and standard deviation of these.

        Args:
            x (Tensor): Graph tokens of the training nodes, of shape
                ``(num_tokens, in_channels)``, without PAD. Columns that do not vary
                keep their scale.

        Raises:
            LLMError: If there are none, or they have another width.
        """
        if x.dim() != 2 or not x.size(0) or x.size(1) != self.in_channels:
            raise LLMError(
                f"statistics need graph tokens of shape (n, {self.in_channels}), n at "
                f"least one, not {tuple(x.shape)}"
            )
        deviation, mean = torch.std_mean(x.float(), dim=0, correction=0)
        flat = deviation < 1e-6
        self.mean.copy_(torch.where(flat, torch.zeros_like(mean), mean))
        self.scale.copy_(torch.where(flat, torch.ones_like(mean), deviation))

    def forward(self, x: Tensor) -> Tensor:
        """Project graph tokens; computed in float32."""
        x = (x.to(self.mean.dtype) - self.mean) / self.scale
        for index, layer in enumerate(self.layers):
            if index:
                x = nn.functional.gelu(x)
            x = layer(self.dropout(x))
        if self.gain is None:
            return x
        size = x.pow(2).mean(-1, keepdim=True).clamp_min(1e-12).sqrt()
        return x * (self.gain * self.rms / size)

    def settings(self) -> dict[str, Any]:
        """The arguments of :class:`~graphllm.LLaGA` that make such a projector."""
        first, *rest = self.layers
        return {
            "num_layers": 1 + len(rest),
            "hidden_channels": first.out_features if rest else None,
            "match_rms": self.gain is not None,
        }

    def extra_repr(self) -> str:
        """Widths."""
        return f"{self.in_channels}, {self.out_channels}, layers={len(self.layers)}"
