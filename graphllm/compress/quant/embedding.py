"""Embeddings, and the head tied to them, in eight bits."""

from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn

from graphllm.compress.quant.grid import rtn
from graphllm.compress.quant.linear import QuantLinear
from graphllm.compress.quant.packing import signed


class QuantEmbedding(nn.Module):
    r"""An embedding whose rows are signed bytes with one scale each.

    Args:
        num_embeddings (int): Words.
        embedding_dim (int): Dimensions.

    Shapes:
        - **input:** :math:`(*)` ids
        - **output:** :math:`(*, d)`, in the dtype of the scales
    """

    codes: Tensor
    scale: Tensor

    def __init__(self, num_embeddings: int, embedding_dim: int) -> None:
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        codes = torch.zeros(num_embeddings, embedding_dim, dtype=torch.int8)
        self.register_buffer("codes", codes)
        self.register_buffer("scale", torch.ones(num_embeddings, 1))

    @classmethod
    def from_weight(cls, weight: Tensor) -> Self:
        """Round an embedding to eight bits, symmetrically.

        Args:
            weight (Tensor): :math:`(V, d)`.
        """
        with torch.device("meta"):
            layer = cls(*weight.shape)
        found = rtn(weight, bits=8, group_size=None, symmetric=True)
        layer.codes = signed(found.codes)
        layer.scale = found.scale.to(weight.dtype)
        return layer

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Self:
        """An empty layer of the shapes that :meth:`facts` names."""
        return cls(int(facts["num_embeddings"]), int(facts["embedding_dim"]))

    def facts(self) -> dict[str, Any]:
        """What must be known to rebuild the layer before its weights are loaded."""
        return {
            "kind": "quant_embedding",
            "num_embeddings": self.num_embeddings,
            "embedding_dim": self.embedding_dim,
        }

    @property
    def weight(self) -> Tensor:
        """The embedding, unpacked anew each time."""
        return self.codes.to(self.scale.dtype) * self.scale

    def to_dense(self) -> nn.Embedding:
        """A plain embedding of the same values."""
        return nn.Embedding.from_pretrained(self.weight)

    def nbytes(self) -> int:
        """Memory of codes and scales."""
        return sum(each.nbytes for each in self.buffers())

    def forward(self, ids: Tensor) -> Tensor:
        """Unpack the rows that are asked for."""
        return self.codes[ids].to(self.scale.dtype) * self.scale[ids]

    def head(self, bias: Tensor | None = None) -> QuantLinear:
        """The output layer tied to this embedding; it holds the same tensors.

        Args:
            bias (Tensor, optional): Of the output layer.
        """
        with torch.device("meta"):
            layer = QuantLinear(
                self.embedding_dim, self.num_embeddings, bias=bias is not None
            )
        layer.codes, layer.scale = self.codes, self.scale
        if bias is not None:
            layer.bias = nn.Parameter(bias.detach().clone())
        return layer

    def extra_repr(self) -> str:
        """Shapes, as in the representation of a plain embedding."""
        return f"{self.num_embeddings}, {self.embedding_dim}"
