import time
from pathlib import Path

import pytest
import torch

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
    with stages.stage("large"):
        torch.ones(64 * 2**18).sum()
    with stages.stage("small"):
        torch.ones(1).sum()
    assert stages.peak_rss_mb["large"] - stages.peak_rss_mb["small"] > 40
    assert peak_rss_mb() > 50
