"""Dropout whose masks belong to the ingredient, whoever trains it and where."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from graphllm.experiments.ladling.streams import stream
from graphllm.models.dropout import Dropout

_BITS = 16
_PER_WORD = 64 // _BITS


class Draws:
    """The masks of one ingredient, or of several that are trained at once.

    Args:
        seeds (Sequence[int]): One an ingredient.
        device (torch.device or str, optional): Where masks are drawn; the draws of
            two kinds of device differ. (default: :obj:`"cpu"`)
    """

    def __init__(
        self, seeds: Sequence[int], device: torch.device | str = "cpu"
    ) -> None:
        self.seeds = list(seeds)
        self.generators = [torch.Generator(device) for _ in self.seeds]
        # Under vmap, any tensor with one entry a network: masks differ even where the
        # networks share their input.
        self.which = torch.zeros((), device=device)

    def start(self, epoch: int) -> None:
        """Begin an epoch; its masks depend on seed, epoch and order of calls alone."""
        for seed, generator in zip(self.seeds, self.generators, strict=True):
            generator.manual_seed(stream(seed, "dropout", epoch))

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with some of the ingredients."""
        self.seeds = [self.seeds[row] for row in rows]
        self.generators = [self.generators[row] for row in rows]

    def masks(self, like: Tensor, p: float) -> list[Tensor]:
        r"""Zero with probability :math:`p`, else :math:`1 / (1 - p)`, one a seed.

        One 64-bit draw serves four entries, as in
        :class:`graphllm.models.dropout.Dropout`.
        """
        limit = round(p * 2**_BITS) - 2 ** (_BITS - 1)
        scale = 1.0 / (1.0 - p)
        words = torch.empty(
            -(-like.numel() // _PER_WORD), dtype=torch.int64, device=like.device
        )
        made = []
        for generator in self.generators:
            words.random_(-(2**63), None, generator=generator)
            draws = words.view(torch.int16)[: like.numel()].view(like.shape)
            made.append((draws >= limit).to(like.dtype).mul_(scale))
        return made


class _Mask(torch.autograd.Function):
    # Only so that vmap can be told where the masks of its networks come from.

    @staticmethod
    def forward(x: Tensor, which: Tensor, draws: Draws, p: float) -> Tensor:
        (mask,) = draws.masks(x, p)
        return mask

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.mark_non_differentiable(output)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, ...]:
        return None, None, None, None

    @staticmethod
    def vmap(
        info: Any,
        in_dims: tuple[int | None, ...],
        x: Tensor,
        which: Tensor,
        draws: Draws,
        p: float,
    ) -> tuple[Tensor, int]:
        # Laid out as x is, so that the product runs along memory.
        place = in_dims[0] or 0
        one = x if in_dims[0] is None else x.select(place, 0)
        return torch.stack(draws.masks(one, p), dim=place), place


class SeededDropout(nn.Module):
    """Dropout with the masks of :class:`Draws`; under ``vmap``, each network its own.

    Args:
        p (float): Probability that an entry is dropped, in [0, 1).
        draws (Draws): Where masks come from; not part of the network's state.
    """

    def __init__(self, p: float, draws: Draws) -> None:
        super().__init__()
        self.p = p
        self.draws = draws

    def forward(self, x: Tensor) -> Tensor:
        """``x`` with entries dropped while training, else ``x`` itself."""
        if not self.training or self.p == 0.0:
            return x
        return x * _Mask.apply(x, self.draws.which, self.draws, self.p)


def seed_dropout(model: nn.Module, draws: Draws) -> nn.Module:
    """Put seeded dropout in the place of every dropout module, in place.

    Dropout that a layer does without a module, as GAT does on its attention, still
    draws from the global generator.

    Args:
        model (torch.nn.Module): The network.
        draws (Draws): Where masks come from.

    Returns:
        torch.nn.Module: The same network.
    """
    for module in list(model.modules()):
        for name, child in list(module._modules.items()):
            if isinstance(child, nn.Dropout | Dropout):
                setattr(module, name, SeededDropout(child.p, draws))
    return model
