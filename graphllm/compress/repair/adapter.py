"""Low-rank adapters, masked so that merging them leaves every zero a zero."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from graphllm.compress.blocks import Linear, find_blocks, set_weight, weight_of
from graphllm.errors import CompressionError


class LoraLinear(nn.Module):
    r"""A frozen layer with a low-rank update.

    .. math::
        \mathbf{y} = \big(\mathbf{W} + s \, (\mathbf{B} \mathbf{A}) \odot
        \mathbf{M}\big) \mathbf{x} + \mathbf{b}, \qquad s = \alpha / r

    With ``masked`` it is SparseLoRA of the `"Rethinking Pruning for Vision-Language
    Models: Strategies for Effective Sparsity and Performance Restoration"
    <https://arxiv.org/abs/2404.02424>`_ paper: :math:`\mathbf{M}` is one where
    :math:`\mathbf{W}` is not zero, so that :meth:`merge` keeps every zero and any N:M
    pattern. A product that is masked has to be written out in each pass. Without
    ``masked``, :math:`\mathbf{M}` is all ones, plain LoRA of the `"LoRA: Low-Rank
    Adaptation of Large Language Models" <https://arxiv.org/abs/2106.09685>`_ paper.

    Args:
        base (torch.nn.Linear or Conv1D): The layer; it gets no gradient.
        rank (int, optional): :math:`r`. (default: :obj:`8`)
        alpha (float, optional): :math:`\alpha`. (default: :obj:`16.0`)
        masked (bool, optional): As above. (default: :obj:`True`)
        generator (torch.Generator, optional): Draws :math:`\mathbf{A}`;
            :math:`\mathbf{B}` begins at zero.

    Shapes:
        - **input:** :math:`(*, n)`
        - **output:** :math:`(*, m)`
    """

    def __init__(
        self,
        base: Linear,
        rank: int = 8,
        alpha: float = 16.0,
        masked: bool = True,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        weight = weight_of(base)
        out_features, in_features = weight.shape
        self.base = base.requires_grad_(False)
        self.scale = alpha / rank
        self.masked = masked
        # Uniform as Kaiming's with a slope of the root of five, like torch's layers.
        bound = 1 / math.sqrt(in_features)
        start = torch.rand(rank, in_features, generator=generator) * 2 - 1
        self.a = nn.Parameter((start * bound).to(weight))
        self.b = nn.Parameter(weight.new_zeros(out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        """Apply layer and update."""
        if not self.masked:
            y: Tensor = self.base(x) + self.scale * linear(linear(x, self.a), self.b)
            return y
        return linear(x, self._updated(), self.base.bias)

    def _updated(self) -> Tensor:
        weight = weight_of(self.base)
        update = self.scale * (self.b @ self.a)
        return weight + (update * (weight != 0) if self.masked else update)

    @torch.no_grad()
    def merge(self) -> Linear:
        """Write the update into the layer and give the layer back."""
        set_weight(self.base, self._updated())
        return self.base


def add_adapters(
    model: Any,
    rank: int = 8,
    alpha: float = 16.0,
    masked: bool = True,
    generator: torch.Generator | None = None,
) -> list[nn.Parameter]:
    """Put an adapter on each dense projection of each block, in place.

    Factors of layers of low rank are left as they are: an update of them is no
    adapter.

    Args:
        model (PreTrainedModel): The model; its own parameters get no gradient after.
        rank (int, optional): As in :class:`LoraLinear`. (default: :obj:`8`)
        alpha (float, optional): As there. (default: :obj:`16.0`)
        masked (bool, optional): As there. (default: :obj:`True`)
        generator (torch.Generator, optional): As there.

    Returns:
        list[Parameter]: What is to be trained.

    Raises:
        CompressionError: If ``rank`` is not positive, or no projection is dense.
    """
    if rank < 1:
        raise CompressionError(f"'rank' must be positive (got {rank})")
    model.requires_grad_(False)
    trained: list[nn.Parameter] = []
    for block in find_blocks(model):
        for name, layer in _dense(block).items():
            adapter = LoraLinear(layer, rank, alpha, masked, generator)
            block.set_submodule(name, adapter)
            trained += [adapter.a, adapter.b]
    if not trained:
        raise CompressionError(
            "the model has no dense projection to adapt; repair factorised ones by "
            "method 'low_rank', and quantise after the repair"
        )
    return trained


def merge_adapters(model: Any) -> None:
    """Merge all adapters of a model and remove them.

    Args:
        model (PreTrainedModel): The model.
    """
    found = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, LoraLinear)
    }
    for name, adapter in found.items():
        model.set_submodule(name, adapter.merge())


def _dense(block: nn.Module) -> dict[str, Linear]:
    swapped = [n for n, each in block.named_modules() if hasattr(each, "to_dense")]
    return {
        name: module
        for name, module in block.named_modules()
        if isinstance(module, Linear)
        and not any(name.startswith(f"{each}.") for each in swapped)
    }
