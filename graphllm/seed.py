"""Seeding, for scripts."""

import random

import numpy as np
import torch


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch (all devices).

    The library itself never calls this: whatever is random in it takes a
    ``generator`` or a ``seed``. Layers initialise themselves from torch's global
    generator, as everywhere in PyG, hence the need in scripts.

    Args:
        seed (int): The seed.
    """
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def generator(seed: int) -> torch.Generator:
    """A CPU random generator with the given seed."""
    return torch.Generator().manual_seed(seed)


def circle(count: int, random: torch.Generator) -> torch.Tensor:
    """Who comes next on a random circle through all: nobody meets themselves.

    Args:
        count (int): How many; with one alone, it does.
        random (torch.Generator): Source of the draw, on the CPU.

    Returns:
        torch.Tensor: :math:`(count)` ``int64``, a permutation of one cycle.
    """
    order = torch.randperm(count, generator=random)
    after = torch.empty_like(order)
    after[order] = order.roll(-1)
    return after
