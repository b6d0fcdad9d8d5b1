"""Independent random streams, each derived from one seed."""

import hashlib


def stream(seed: int, purpose: str, *numbers: int) -> int:
    """The seed of one stream.

    What is drawn for one purpose never moves the draws of another: two ingredients
    with the same initial weights differ by sampling and dropout alone.

    Args:
        seed (int): Seed of the whole.
        purpose (str): Such as ``"init"``, ``"sampling"`` or ``"dropout"``.
        *numbers (int): What else it depends on, such as the epoch.

    Returns:
        int: In :math:`[0, 2^{63})`.
    """
    key = "/".join([purpose, *map(str, (seed, *numbers))])
    digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
