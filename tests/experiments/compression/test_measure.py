import pytest
import torch

from graphllm.compress import (
    Calibration,
    FFNSkip,
    Magnitude,
    agreement,
    compress_,
    save,
    size_of,
)
from graphllm.experiments.compression.measure import Measure, Row, saved_bytes


def test_figures_are_those_of_agreement(tiny_model, tiny_tokens):
    dense, model = tiny_model("llama"), tiny_model("llama")
    compress_(model, Magnitude(0.5))
    ids = tiny_tokens(3, 12)
    found, skipped = Measure(ids).read(dense, model)
    assert found == agreement(dense, model, ids)
    assert found.kl > 0
    assert skipped is None


@pytest.mark.parametrize("mode", ["static", "dynamic"])
def test_what_skips_is_read_as_it_skips(tiny_model, tiny_tokens, mode):
    dense, model = tiny_model("llama"), tiny_model("llama")
    choice = {"ratio": 0.4} if mode == "static" else {"threshold": 1e-9}
    config = FFNSkip(mode, warm_up=2, cold_start=0, cold_end=0, **choice)
    calibration = Calibration(tiny_tokens(2, 12))
    compress_(model, config, calibration)
    model(input_ids=calibration.input_ids)  # what it skipped before does not count
    ids = tiny_tokens(1, 12)
    found, skipped = Measure(ids).read(dense, model)
    assert found == agreement(dense, model, ids, one_at_a_time=mode == "dynamic")
    assert 0 < skipped < 0.5
    # One of three layers, at all positions but the first two; reading a prompt
    # skips nothing in the other mode, whose first token is one.
    if mode == "static":
        assert skipped == pytest.approx(10 / 36)


def test_speeds_take_the_beginning_of_the_text(tiny_model, tiny_tokens):
    model, ids = tiny_model("gpt2"), tiny_tokens(1, 7)
    read = []
    model.register_forward_pre_hook(
        lambda _, args, named: read.append(named["input_ids"]), with_kwargs=True
    )
    measure = Measure(ids, prefill=10, decode=2, repeats=1)
    found = measure.speeds({"dense": model})
    assert found["dense"].prefill > 0
    assert found["dense"].decode > 0
    assert torch.equal(read[0][0], torch.cat([ids[0], ids[0, :3]]))
    assert measure.describe(torch.device("cpu"))["decode"] == 2


def test_no_speed_without_repeats(tiny_model, tiny_tokens):
    measure = Measure(tiny_tokens(1, 7), repeats=0)
    assert measure.speeds({"dense": tiny_model("gpt2")}) == {}
    assert measure.describe(torch.device("cpu")) is None


def test_saved_bytes_leave_nothing_behind(tiny_model, tmp_path):
    model = tiny_model("llama")
    found = saved_bytes(model, None, tmp_path / "new" / "model")
    assert list((tmp_path / "new").iterdir()) == []
    assert found == size_of(save(model, tmp_path / "model"))


def test_metrics_are_what_was_measured():
    row = Row("int8", 20.0, 0.1, 0.9, 1000, decode=3.0)
    assert row.metrics() == {
        "perplexity": 20.0,
        "kl": 0.1,
        "top1_share": 0.9,
        "disk_bytes": 1000,
        "decode": 3.0,
    }
