"""A linear layer stored as two thin ones."""

from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from graphllm.compress.blocks import dense_linear


class LowRankLinear(nn.Module):
    r"""A linear layer whose weight is a product of two thin matrices.

    .. math::
        \mathbf{y} = \mathbf{B} (\mathbf{A} \mathbf{x}) + \mathbf{b},
        \qquad \mathbf{A} \in \mathbb{R}^{r \times n},\;
        \mathbf{B} \in \mathbb{R}^{m \times r}

    It holds :math:`r (m + n)` weights instead of :math:`m n`, which is fewer below
    the rank :math:`m n / (m + n)` alone: half of the full rank where
    :math:`m = n`. Both factors are plain linear layers, named ``down`` and ``up``, so
    that adapters and other compression methods find them.

    Args:
        in_features (int): :math:`n`.
        out_features (int): :math:`m`.
        rank (int): :math:`r`.
        bias (bool, optional): Whether there is a bias. (default: :obj:`True`)
        transposed (bool, optional): Whether it stands for GPT-2's ``Conv1D``, which
            holds its weight the other way round. (default: :obj:`False`)

    Shapes:
        - **input:** :math:`(*, n)`
        - **output:** :math:`(*, m)`
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        rank: int,
        bias: bool = True,
        transposed: bool = False,
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.rank = rank
        self.transposed = transposed
        self.down = nn.Linear(in_features, rank, bias=False)
        self.up = nn.Linear(rank, out_features, bias=bias)

    @classmethod
    def from_factors(
        cls,
        up: Tensor,
        down: Tensor,
        bias: Tensor | None = None,
        transposed: bool = False,
    ) -> Self:
        r"""Take two matrices as they are.

        Args:
            up (Tensor): :math:`\mathbf{B}`, of shape :math:`(m, r)`.
            down (Tensor): :math:`\mathbf{A}`, of shape :math:`(r, n)`.
            bias (Tensor, optional): :math:`\mathbf{b}`, of shape :math:`(m)`.
            transposed (bool, optional): As above. (default: :obj:`False`)
        """
        shape = down.size(1), up.size(0), up.size(1)
        with torch.device("meta"):
            layer = cls(*shape, bias is not None, transposed)
        layer.down.weight = nn.Parameter(down.contiguous())
        layer.up.weight = nn.Parameter(up.contiguous())
        if bias is not None:
            layer.up.bias = nn.Parameter(bias.detach().clone())
        return layer

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Self:
        """An empty layer of the shapes that :meth:`facts` names."""
        return cls(
            int(facts["in_features"]),
            int(facts["out_features"]),
            int(facts["rank"]),
            bool(facts["bias"]),
            bool(facts["transposed"]),
        )

    def facts(self) -> dict[str, Any]:
        """What must be known to rebuild the layer before its weights are loaded."""
        return {
            "kind": "low_rank",
            "in_features": self.in_features,
            "out_features": self.out_features,
            "rank": self.rank,
            "bias": self.bias is not None,
            "transposed": self.transposed,
        }

    @property
    def weight(self) -> Tensor:
        """The product of both factors, computed anew each time."""
        return self.up.weight @ self.down.weight

    @property
    def bias(self) -> Tensor | None:
        """The bias."""
        return self.up.bias

    def to_dense(self) -> nn.Linear | Conv1D:
        """A plain layer of the same weight and bias, of the kind that it replaced."""
        weight = self.weight.detach()
        bias = None if self.bias is None else self.bias.detach().clone()
        if not self.transposed:
            return dense_linear(weight, bias)
        with torch.device("meta"):
            dense = Conv1D(self.out_features, self.in_features)
        dense.weight = nn.Parameter(weight.T.contiguous())
        if bias is not None:
            dense.bias = nn.Parameter(bias)
        return dense

    def nbytes(self) -> int:
        """Memory of weights and bias."""
        return sum(each.nbytes for each in self.parameters())

    def forward(self, x: Tensor) -> Tensor:
        """Apply both factors."""
        y: Tensor = self.up(self.down(x))
        return y

    def extra_repr(self) -> str:
        """Shapes, as in the representation of a plain linear layer."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"rank={self.rank}"
        )
