import json
import math

import pytest
import torch

from graphllm.compress import (
    Calibration,
    FFNWidth,
    Int8,
    Magnitude,
    Wanda,
    agreement,
    is_compressed,
    load,
    size_of,
)
from graphllm.errors import CompressionError
from graphllm.evaluate import Result
from graphllm.experiments.compression import Measure, Repair, run_compression


def run(model, config, ids, out, **more):
    measure = Measure(ids, prefill=6, decode=3, repeats=1)
    return run_compression(model, None, config, measure, out, name="tiny", **more)


def test_a_model_directory_and_all_figures(tiny_model, tiny_tokens, tmp_path):
    ids, calibration = tiny_tokens(3, 12), Calibration(tiny_tokens(4, 10))
    told = []
    result = run(
        tiny_model("llama"),
        Wanda(0.5),
        ids,
        tmp_path / "small",
        calibration=calibration,
        progress=lambda *step: told.append(step),
    )
    model = load(tmp_path / "small")
    expected = agreement(tiny_model("llama"), model, ids)
    dense, small = result.details["study"]["rows"]
    assert (dense["arm"], small["arm"]) == ("dense", "wanda")
    assert small["perplexity"] == pytest.approx(expected.perplexity)
    assert small["kl"] == pytest.approx(expected.kl, abs=1e-6)
    assert dense["perplexity"] == pytest.approx(expected.dense_perplexity)
    assert small["disk_bytes"] == size_of(tmp_path / "small")
    zeros = sum(int((weight == 0).sum()) for weight in model.parameters())
    assert small["kept_parameters"] == small["parameters"] - zeros
    assert small["decode"] > 0
    assert result.arms["wanda"]["perplexity"]["values"] == [small["perplexity"]]
    study = result.details["study"]
    assert study["config"]["method"] == "wanda"
    assert study["dtype"] == "float32"
    assert len(study["layers"]) == 21
    assert study["calibration"] == {"sequences": 4, "length": 10}
    assert study["text"] == {"tokens": 36, "window": 12}
    assert study["repair"] is None
    assert [step for step in told if step[0] == "compress"][-1] == ("compress", 3, 3)
    # It is written as it is, and read back.
    path = result.save(tmp_path / "result.json")
    assert Result.load(path).details["study"]["rows"] == study["rows"]
    json.dumps(study)


def test_quantised_files_are_smaller(tiny_model, tiny_tokens, tmp_path):
    result = run(tiny_model("gpt2"), Int8(), tiny_tokens(1, 12), tmp_path / "small")
    dense, small = result.details["study"]["rows"]
    assert small["memory_bytes"] < 0.5 * dense["memory_bytes"]
    assert small["kept_parameters"] == dense["kept_parameters"]
    assert result.details["study"]["calibration"] is None


def test_repair_learns_from_the_dense_model(tiny_model, tiny_tokens, tmp_path):
    ids, calibration = tiny_tokens(2, 12), Calibration(tiny_tokens(8, 10))
    options = {"calibration": calibration, "seed": 3}
    config = FFNWidth(0.5, refit=False)
    plain = run(tiny_model("llama"), config, ids, tmp_path / "a", **options)
    repair = Repair("lora", calibration, steps=25, lr=1e-2, kl_weight=1.0)
    mended = run(
        tiny_model("llama"), config, ids, tmp_path / "b", repair=repair, **options
    )
    losses = mended.details["study"]["repair"]["losses"]
    assert len(losses) == 25
    assert losses[-1] < losses[0]
    assert mended.timing["repair"] > 0
    before, after = (r.details["study"]["rows"][1] for r in (plain, mended))
    assert after["kl"] != before["kl"]
    model = load(tmp_path / "b")
    found = agreement(tiny_model("llama"), model, ids)
    assert found.kl == pytest.approx(after["kl"], abs=1e-6)


def test_a_repair_that_fails_leaves_the_compressed_model(
    tiny_model, tiny_tokens, tmp_path
):
    calibration = Calibration(tiny_tokens(8, 10))
    repair = Repair("low_rank", calibration)  # Wanda leaves no factors
    with pytest.raises(CompressionError, match="no layer of low rank"):
        run(
            tiny_model("llama"),
            Wanda(0.5),
            tiny_tokens(1, 12),
            tmp_path / "small",
            calibration=calibration,
            repair=repair,
        )
    weight = load(tmp_path / "small").model.layers[0].mlp.up_proj.weight
    assert float((weight == 0).double().mean()) == 0.5


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ids": 129}, "windows of the text have 129 tokens"),
        ({"prefill": 126}, "sequences that are timed have 129 tokens"),
        ({"repair": 130}, "sequences of the repair have 130 tokens"),
        ({"gguf": "Q8_0"}, "cannot export 'opt'"),
    ],
)
def test_what_cannot_be_measured_is_refused_first(
    tiny_model, tiny_tokens, tmp_path, change, said
):
    model = tiny_model("opt")
    before = {name: each.clone() for name, each in model.state_dict().items()}
    measure = Measure(
        tiny_tokens(1, change.get("ids", 12)), change.get("prefill", 6), 3, 1
    )
    repair = None
    if "repair" in change:
        repair = Repair("lora", Calibration(tiny_tokens(1, change["repair"])))
    with pytest.raises(CompressionError, match=said):
        run_compression(
            *(model, None, Magnitude(0.5), measure, tmp_path / "small"),
            name="tiny",
            repair=repair,
            gguf=change.get("gguf"),
        )
    assert all(torch.equal(each, before[n]) for n, each in model.state_dict().items())
    assert not (tmp_path / "small").exists()


def test_without_a_teacher_nobody_is_asked(tiny_model, tiny_tokens):
    calibration = Calibration(tiny_tokens(4, 10))

    def refuse(**_):
        raise AssertionError

    repair = Repair("lora", calibration, steps=1, kl_weight=0.0)
    assert len(repair.run(tiny_model("llama"), refuse, 0, None).losses) == 1


def test_what_cannot_be_done_leaves_what_was_there(tiny_model, tiny_tokens, tmp_path):
    ids, out = tiny_tokens(1, 12), tmp_path / "small"
    run(tiny_model("llama"), Int8(), ids, out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(CompressionError, match="calibration"):
        run(tiny_model("llama"), Wanda(0.5), ids, out)
    broken = tiny_model("llama")
    with torch.no_grad():
        broken.lm_head.weight[0, 0] = math.nan
    with pytest.raises(CompressionError, match="not finite"):
        run(broken, Magnitude(0.5), ids, out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert is_compressed(out)
    assert [path.name for path in tmp_path.iterdir()] == ["small"]
