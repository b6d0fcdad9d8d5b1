"""A linear layer whose weight is stored in four or eight bits."""

from collections.abc import Callable, Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from graphllm.compress.blocks import dense_linear
from graphllm.compress.quant.grid import Quantized
from graphllm.compress.quant.packing import pack, signed, unpack

# Weights that are unpacked at a time, so that a layer needs no full-size copy.
_AT_A_TIME = 2**22


class QuantLinear(nn.Module):
    r"""A linear layer that stores codes and unpacks them when it is called.

    It is smaller, not faster: each call turns the codes into floating point again, a
    few million weights at a time. Codes of up to four bits take half a byte, others a
    byte. Symmetric codes of eight bits are stored as signed bytes.

    Args:
        in_features (int): :math:`n`.
        out_features (int): :math:`m`.
        bits (int, optional): Bits of a code, from 2 to 8. (default: :obj:`8`)
        group_size (int, optional): Columns that share a scale. (default: a whole row)
        symmetric (bool, optional): Whether there are no zero points.
            (default: :obj:`True`)
        channel_scale (bool, optional): Whether inputs are divided by a scale of their
            channel first, as AWQ does. (default: :obj:`False`)
        bias (bool, optional): Whether there is a bias. (default: :obj:`True`)

    Shapes:
        - **input:** :math:`(*, n)`
        - **output:** :math:`(*, m)`, in the dtype of the input
    """

    codes: Tensor
    scale: Tensor
    zero: Tensor | None
    channel_scale: Tensor | None
    bias: nn.Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bits: int = 8,
        group_size: int | None = None,
        symmetric: bool = True,
        channel_scale: bool = False,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.bits = bits
        self.group_size = in_features if group_size is None else group_size
        groups = -(-in_features // self.group_size)
        signed = symmetric and bits == 8
        width = in_features if bits > 4 else (in_features + 1) // 2
        kind = torch.int8 if signed else torch.uint8
        half = torch.float16
        scale = torch.ones(out_features, groups, dtype=half)
        zero = None if symmetric else torch.zeros(scale.shape, dtype=torch.uint8)
        channels = torch.ones(in_features, dtype=half) if channel_scale else None
        self.register_buffer("codes", torch.zeros(out_features, width, dtype=kind))
        self.register_buffer("scale", scale)
        self.register_buffer("zero", zero)
        self.register_buffer("channel_scale", channels)
        self.register_parameter(
            "bias", nn.Parameter(torch.zeros(out_features)) if bias else None
        )

    @classmethod
    def from_quantized(cls, weight: Quantized, bias: Tensor | None = None) -> Self:
        """Store a quantised weight.

        Args:
            weight (Quantized): Codes and grids.
            bias (Tensor, optional): :math:`(m)`.
        """
        rows, columns = weight.codes.shape
        with torch.device("meta"):
            layer = cls(
                columns,
                rows,
                weight.bits,
                weight.group_size,
                weight.zero is None,
                weight.channel_scale is not None,
                bias is not None,
            )
        codes = weight.codes
        if layer.codes.dtype == torch.int8:
            codes = signed(codes)
        layer.codes = pack(codes) if weight.bits <= 4 else codes.contiguous()
        layer.scale = weight.scale
        layer.zero = weight.zero
        layer.channel_scale = weight.channel_scale
        if bias is not None:
            layer.bias = nn.Parameter(bias.detach().clone())
        return layer

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Self:
        """An empty layer of the shapes that :meth:`facts` names."""
        return cls(
            int(facts["in_features"]),
            int(facts["out_features"]),
            int(facts["bits"]),
            int(facts["group_size"]),
            bool(facts["symmetric"]),
            bool(facts["channel_scale"]),
            bool(facts["bias"]),
        )

    def facts(self) -> dict[str, Any]:
        """What must be known to rebuild the layer before its weights are loaded."""
        return {
            "kind": "quant",
            "in_features": self.in_features,
            "out_features": self.out_features,
            "bits": self.bits,
            "group_size": self.group_size,
            "symmetric": self.zero is None,
            "channel_scale": self.channel_scale is not None,
            "bias": self.bias is not None,
        }

    @property
    def weight(self) -> Tensor:
        """The weight, unpacked to ``float32`` anew each time."""
        weight = self._rows(0, self.out_features, torch.float32)
        if self.channel_scale is not None:
            weight /= self.channel_scale.float()
        return weight

    def to_dense(self) -> nn.Linear:
        """A plain linear layer of the same weight and bias, in ``float32``."""
        bias = None if self.bias is None else self.bias.detach().float()
        return dense_linear(self.weight, bias)

    def nbytes(self) -> int:
        """Memory of codes, grids and bias."""
        return sum(each.nbytes for each in (*self.buffers(), *self.parameters()))

    def forward(self, x: Tensor) -> Tensor:
        """Unpack the weight and multiply."""
        if self.channel_scale is not None:
            x = x / self.channel_scale.to(x.dtype)
        step = max(1, _AT_A_TIME // self.in_features)
        parts = [
            linear(x, self._rows(begin, begin + step, x.dtype))
            for begin in range(0, self.out_features, step)
        ]
        y = parts[0] if len(parts) == 1 else torch.cat(parts, -1)
        return y if self.bias is None else y + self.bias

    def _rows(self, begin: int, end: int, dtype: torch.dtype) -> Tensor:
        """Some rows of the weight, not divided by the scale of channels."""
        codes = self.codes[begin:end]
        if self.bits <= 4:
            rows = unpack(codes, self.in_features, dtype)
        else:
            rows = codes.to(dtype)
        scale = self.scale[begin:end].to(dtype)
        if self.zero is not None:
            _in_groups(
                rows, self.zero[begin:end].to(dtype), self.group_size, Tensor.sub_
            )
        elif self.codes.dtype == torch.uint8:
            rows -= 2 ** (self.bits - 1)
        _in_groups(rows, scale, self.group_size, Tensor.mul_)
        return rows

    def extra_repr(self) -> str:
        """Shapes, as in the representation of a plain linear layer."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bits={self.bits}, group_size={self.group_size}"
        )


def _in_groups(
    rows: Tensor,
    values: Tensor,
    group_size: int,
    apply_: Callable[[Tensor, Tensor], Tensor],
) -> None:
    """Apply to each group of columns, in place, the value of that group."""
    whole = rows.size(1) // group_size
    if whole:
        groups = rows[:, : whole * group_size].unflatten(1, (whole, group_size))
        apply_(groups, values[:, :whole].unsqueeze(-1))
    if whole < values.size(1):
        apply_(rows[:, whole * group_size :], values[:, whole:])
