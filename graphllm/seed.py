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
