"""Progress bars on stderr, so that stdout stays clean."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class Bars:
    """One bar a stage on a terminal; one line a finished stage elsewhere.

    ``seconds`` holds how long each finished stage took, from its first update.
    """

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description:<24}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(compact=True),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._began: dict[str, float] = {}
        self.seconds: dict[str, float] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def note(self, message: str) -> None:
        """One line of text."""
        self._console.print(message, markup=False, highlight=False, soft_wrap=True)

    def update(self, stage: str, done: int, total: int) -> None:
        """Move the bar of a stage; the bar appears with its first update."""
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(stage, total=total)
            self._began[stage] = time.perf_counter()
        self._progress.update(self._tasks[stage], completed=done, total=total)
        if done >= total and stage not in self.seconds:
            self.seconds[stage] = time.perf_counter() - self._began[stage]
            if not self._console.is_terminal:
                self.note(f"{stage}: {total} done in {self.seconds[stage]:.1f} s")
