import mmap
import time
from pathlib import Path

import pytest

from graphllm.experiments.ladling.measure import Stages, peak_rss_mb


def test_seconds_add_up_by_stage_and_errors_pass():
    stages = Stages()
    for _ in range(2):
        with stages.stage("a"):
            time.sleep(0.01)
    with pytest.raises(KeyError), stages.stage("b"):
        raise KeyError
    assert stages.seconds["a"] >= 0.02
    assert set(stages.seconds) == set(stages.peak_rss_mb) == {"a", "b"}


@pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="the peak is never forgotten"
)
def test_memory_is_that_of_the_stage():
    stages = Stages()
    # Pages of its own: the allocator may have free ones left from before.
    with stages.stage("large"), mmap.mmap(-1, 64 * 2**20) as pages:
        pages[:: mmap.PAGESIZE] = bytes(len(pages) // mmap.PAGESIZE)
    with stages.stage("small"):
        pass
    assert stages.peak_rss_mb["large"] - stages.peak_rss_mb["small"] > 40
    assert peak_rss_mb() > 50
