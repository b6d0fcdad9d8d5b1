"""Progress of one part of a run as progress of all of it."""

from collections.abc import Callable
from itertools import count

from graphllm.experiments.ellagnn import Progress


def part_of(progress: Progress | None, part: int, parts: int) -> Progress | None:
    """Counts on from the parts that are done; all parts are of one size.

    Args:
        progress (Callable, optional): Called with (stage, done, all).
        part (int): Parts done before this one.
        parts (int): Parts there are.
    """
    if progress is None:
        return None
    return lambda stage, done, total: progress(
        stage, part * total + done, parts * total
    )


def counted(progress: Progress | None, stage: str, total: int) -> Callable[[], None]:
    """Called once for each finished step of a stage."""
    numbers = count(1)

    def step() -> None:
        done = next(numbers)
        if progress is not None:
            progress(stage, done, total)

    return step
