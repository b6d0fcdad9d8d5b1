import json
import math
import os
import platform
from importlib.metadata import version

import pytest

from graphllm.errors import GraphLLMError
from graphllm.evaluate import Result, environment, summary


def result(**changes):
    fields = {
        "method": "ellagnn",
        "dataset": {"name": "tiny", "num_nodes": 6},
        "split": "file",
        "seeds": [0, 1],
        "arms": {"plain": {"test_acc": summary([0.5, 0.75])}},
    }
    return Result(**{**fields, **changes})


def test_summary_by_hand():
    found = summary([0.80, 0.82, 0.87])
    # Mean 0.83; squares 0.0009 + 0.0001 + 0.0016 = 0.0026, over n - 1 = 2.
    assert found["mean"] == pytest.approx(0.83)
    assert found["std"] == pytest.approx(math.sqrt(0.0013))
    assert found["values"] == [0.80, 0.82, 0.87]
    assert summary([0.0, 1.0])["std"] == pytest.approx(math.sqrt(0.5))


def test_a_single_value_has_no_spread():
    assert summary([0.25]) == {"mean": 0.25, "std": 0.0, "values": [0.25]}


def test_save_and_load_give_the_same_result(tmp_path):
    saved = result(
        usage={"calls": 3},
        timing={"fit": 1.5},
        config={"budget": 0.05, "layers": [1, 2]},
        details={"examples": [{"text": "naïve – 日本語"}]},
    )
    path = saved.save(tmp_path / "new" / "folder" / "result.json")
    assert path == tmp_path / "new" / "folder" / "result.json"
    assert Result.load(path) == saved
    assert Result.load(path.parent) == saved  # a folder will do
    assert Result.load(str(path.parent)) == saved
    raw = json.loads(path.read_text(encoding="utf-8"))
    assert raw["schema"] == 1
    assert raw["arms"]["plain"]["test_acc"]["mean"] == 0.625
    assert "日本語" in path.read_text(encoding="utf-8")


def test_a_number_that_is_not_finite_becomes_null(tmp_path):
    broken = result(
        arms={"plain": {"test_acc": summary([float("nan"), 1.0])}},
        timing={"fit": float("inf")},
        details={"curve": (1.0, float("-inf")), 3: "key"},
    )
    text = broken.save(tmp_path / "result.json").read_text()

    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    raw = json.loads(text, parse_constant=refuse)
    assert raw["arms"]["plain"]["test_acc"]["values"] == [None, 1.0]
    assert raw["arms"]["plain"]["test_acc"]["mean"] is None
    assert raw["arms"]["plain"]["test_acc"]["std"] is None
    assert raw["timing"]["fit"] is None
    assert raw["details"] == {"curve": [1.0, None], "3": "key"}


def test_a_failed_save_leaves_the_old_file_whole(tmp_path, monkeypatch):
    path = result(split="file").save(tmp_path / "result.json")
    before = path.read_bytes()
    with pytest.raises(TypeError):
        result(details={"model": object()}).save(path)
    assert path.read_bytes() == before

    def killed(*_):
        raise OSError("killed")

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(OSError, match="killed"):
        result(split="other").save(path)
    assert path.read_bytes() == before


def test_save_replaces_and_leaves_nothing_else_behind(tmp_path):
    result(split="file").save(tmp_path / "result.json")
    result(split="other").save(tmp_path / "result.json")
    assert Result.load(tmp_path).split == "other"
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def test_no_file(tmp_path):
    for path in (tmp_path, tmp_path / "result.json", tmp_path / "none"):
        with pytest.raises(
            GraphLLMError, match=r"no result.json at .*folder that a run"
        ):
            Result.load(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"schema": 1}',
        b'{"schema": 1, "method": "m", "colour": 3}',
        b"\xff\xfe\x00",
    ],
)
def test_a_file_that_is_no_result(tmp_path, content):
    (tmp_path / "result.json").write_bytes(content)
    with pytest.raises(GraphLLMError, match="is not a result file") as info:
        Result.load(tmp_path)
    assert "\n" not in str(info.value)


@pytest.mark.parametrize("schema", ["2", "null", '"1"'])
def test_another_schema(tmp_path, schema):
    (tmp_path / "result.json").write_text(f'{{"schema": {schema}}}')
    with pytest.raises(GraphLLMError, match="this version reads 1; run the experiment"):
        Result.load(tmp_path)


def test_the_environment_names_what_was_run():
    found = environment()
    assert found["python"] == platform.python_version()
    assert found["packages"]["torch"] == version("torch")
    assert found["packages"]["graphllm"] == version("graphllm")
    assert "torch-of-another-name" not in found["packages"]
    assert found["platform"] == f"{platform.system()} {platform.machine()}"
    assert found["cpu_count"] >= 1
    json.dumps(found)


def test_a_package_that_is_not_installed_is_left_out(monkeypatch):
    from graphllm.evaluate import result as module

    monkeypatch.setattr(module, "PACKAGES", ("torch", "no-such-package"))
    assert list(environment()["packages"]) == ["torch"]
