"""Seconds and peak memory of the stages of a run."""

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


class Stages:
    """Seconds of each stage, summed over visits, and the largest memory in it.

    Memory is the resident set of this process, not that of its workers. Where the
    kernel does not let it be counted from a stage's begin (anywhere but on Linux), it
    is the largest since the process began.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.peak_rss_mb: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what happens inside for one stage; stages do not nest."""
        _forget_peak()
        start = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - start
            self.seconds[name] = self.seconds.get(name, 0.0) + spent
            peak = peak_rss_mb()
            self.peak_rss_mb[name] = max(self.peak_rss_mb.get(name, 0.0), peak)


def peak_rss_mb() -> float:
    """Largest resident set of this process so far, in MiB."""
    try:
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 2**10
    except OSError:
        pass
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / (2**20 if sys.platform == "darwin" else 2**10)


def _forget_peak() -> None:
    try:
        _CLEAR.write_text("5")
    except OSError:
        # Then the peak is that of the whole run, as the docstring says.
        return
