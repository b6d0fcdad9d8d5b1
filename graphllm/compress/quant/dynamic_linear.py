"""A linear layer that multiplies in eight bits."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from graphllm.compress.blocks import dense_linear
from graphllm.compress.quant.grid import rtn
from graphllm.compress.quant.packing import signed

_TINY = 1e-30


@cache
def _input_levels() -> int:
    """Largest code of an input: 127, or 63 where sums of larger ones overflow.

    Processors without instructions for it add pairs of products in 16 bits.
    """
    largest = torch.full((32, 64), 127, dtype=torch.int8)
    exact = 64 * 127 * 127
    return 127 if bool((torch._int_mm(largest, largest.T) == exact).all()) else 63


class DynamicLinear(nn.Module):
    r"""A linear layer of integer products, its inputs rounded when they come in.

    .. math::
        y_{ti} = \Delta_i \, a_t \sum_j q_{ij} \, \mathrm{round}(x_{tj} / a_t) + b_i,
        \qquad a_t = \max_j |x_{tj}| / 127

    Weights have one scale a row and inputs one a token: with one for the whole input,
    the massive activations of a text's first token would round those of all others to
    zero. Sums of products are exact.

    The integer product is PyTorch's for the CPU. Elsewhere, and where a gradient is
    asked for, the weight is unpacked and inputs are not rounded.

    Args:
        in_features (int): :math:`n`.
        out_features (int): :math:`m`.
        bias (bool, optional): Whether there is a bias. (default: :obj:`True`)

    Shapes:
        - **input:** :math:`(*, n)`
        - **output:** :math:`(*, m)`, in the dtype of the input
    """

    codes: Tensor
    scale: Tensor
    bias: nn.Parameter | None

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        codes = torch.zeros(out_features, in_features, dtype=torch.int8)
        scale = torch.ones(out_features, 1, dtype=torch.float16)
        self.register_buffer("codes", codes)
        self.register_buffer("scale", scale)
        self.register_parameter(
            "bias", nn.Parameter(torch.zeros(out_features)) if bias else None
        )

    @classmethod
    def from_weight(cls, weight: Tensor, bias: Tensor | None = None) -> Self:
        """Round a weight to eight bits, symmetrically.

        Args:
            weight (Tensor): :math:`(m, n)`.
            bias (Tensor, optional): :math:`(m)`.
        """
        with torch.device("meta"):
            layer = cls(weight.size(1), weight.size(0), bias is not None)
        found = rtn(weight, bits=8, group_size=None, symmetric=True)
        layer.codes = signed(found.codes)
        layer.scale = found.scale
        if bias is not None:
            layer.bias = nn.Parameter(bias.detach().clone())
        return layer

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Self:
        """An empty layer of the shapes that :meth:`facts` names."""
        return cls(
            int(facts["in_features"]), int(facts["out_features"]), bool(facts["bias"])
        )

    def facts(self) -> dict[str, Any]:
        """What must be known to rebuild the layer before its weights are loaded."""
        return {
            "kind": "dynamic",
            "in_features": self.in_features,
            "out_features": self.out_features,
            "bias": self.bias is not None,
        }

    @property
    def weight(self) -> Tensor:
        """The weight, unpacked to ``float32`` anew each time."""
        return self.codes.float() * self.scale.float()

    def to_dense(self) -> nn.Linear:
        """A plain linear layer of the same weight and bias, in ``float32``."""
        bias = None if self.bias is None else self.bias.detach().float()
        return dense_linear(self.weight, bias)

    def nbytes(self) -> int:
        """Memory of codes, scales and bias."""
        return sum(each.nbytes for each in (*self.buffers(), *self.parameters()))

    def forward(self, x: Tensor) -> Tensor:
        """Round the input and multiply."""
        if x.device.type != "cpu" or (x.requires_grad and torch.is_grad_enabled()):
            return linear(x, self.weight.to(x.dtype), self.bias)
        rows = x.reshape(-1, self.in_features).float()
        levels = _input_levels()
        step = rows.abs().amax(1, keepdim=True).clamp_(min=_TINY) / levels
        whole = (rows / step).round_().to(torch.int8)
        sums = torch._int_mm(whole, self.codes.T)
        y = (sums * step).mul_(self.scale.T).to(x.dtype)
        if self.bias is not None:
            y = y + self.bias
        return y.view(*x.shape[:-1], self.out_features)

    def extra_repr(self) -> str:
        """Shapes, as in the representation of a plain linear layer."""
        return f"in_features={self.in_features}, out_features={self.out_features}"
