"""Which blocks a method takes: named by the user, or measured."""

import math
from collections.abc import Sequence

from torch import Tensor

from graphllm.errors import CompressionError


def check_choice(blocks: Sequence[int], ratio: float | None) -> None:
    """Refuse a choice that is neither a list nor a share.

    Raises:
        CompressionError: If both or none is given, or one is out of range.
    """
    if bool(blocks) == (ratio is not None):
        raise CompressionError(
            "give either 'blocks' or 'ratio' "
            f"(got {tuple(blocks)} and {ratio if ratio is None else f'{ratio:g}'})"
        )
    if ratio is not None and not 0.0 < ratio < 1.0:
        raise CompressionError(f"'ratio' must be inside of (0, 1) (got {ratio:g})")
    if len(set(blocks)) < len(blocks) or any(index < 0 for index in blocks):
        raise CompressionError(
            f"'blocks' must be different indices from 0 (got {tuple(blocks)})"
        )


def check_blocks(blocks: Sequence[int], count: int) -> tuple[int, ...]:
    """The given blocks in order, if a model of ``count`` has them.

    Raises:
        CompressionError: If one does not exist, or none would be left.
    """
    if max(blocks) >= count or len(blocks) == count:
        raise CompressionError(
            f"the model has {count} blocks; 'blocks' must be below {count} and leave "
            f"one (got {tuple(blocks)})"
        )
    return tuple(sorted(blocks))


def check_cosines(cosines: Tensor) -> Tensor:
    """The same, if all of them are numbers.

    Raises:
        CompressionError: If an activation was not finite.
    """
    if not cosines.isfinite().all():
        block = int((~cosines.isfinite()).nonzero()[0])
        raise CompressionError(
            f"activations of block {block} are not finite; load the model in float32"
        )
    return cosines


def most_similar(cosines: Tensor, ratio: float, candidates: Sequence[int]) -> list[int]:
    """The blocks that change their input least.

    Args:
        cosines (Tensor): Cosine of what enters and what leaves, a block each.
        ratio (float): Share of all blocks to take; at least one is.
        candidates (Sequence[int]): Blocks that may be taken.

    Returns:
        list[int]: In order. Equal cosines are taken from the front.

    Raises:
        CompressionError: If there are not enough candidates, or no block would be left.
    """
    count = max(1, math.floor(ratio * len(cosines) + 0.5))
    if count > len(candidates) or count == len(cosines):
        raise CompressionError(
            f"{count} of {len(cosines)} blocks are to be taken and only "
            f"{len(candidates)} may be; lower 'ratio' or widen the region"
        )
    values = cosines.tolist()
    best = sorted(candidates, key=lambda index: (-values[index], index))
    return sorted(best[:count])
