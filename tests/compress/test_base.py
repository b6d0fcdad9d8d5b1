import json
from dataclasses import FrozenInstanceError

import pytest
import torch
from torch import nn

from graphllm.compress import (
    OWL,
    CompressionConfig,
    LayerReport,
    Magnitude,
    Report,
    SparseGPT,
    Wanda,
)
from graphllm.compress.base import check_ratio, count_bytes
from graphllm.errors import CompressionError, UnknownNameError


@pytest.mark.parametrize(
    "config",
    [
        Magnitude(0.5, scope="row"),
        Wanda(0.7, allocate=OWL(spread=0.1), variant=True),
        SparseGPT(pattern="2:4", damping=0.1),
    ],
)
def test_a_configuration_survives_json(config):
    stored = json.loads(json.dumps(config.to_dict()))
    assert stored["version"] == 1
    again = CompressionConfig.from_dict(stored)
    assert type(again) is type(config)
    assert again == config
    assert type(config).from_dict(stored) == config


def test_a_configuration_is_frozen():
    with pytest.raises(FrozenInstanceError):
        Wanda(0.5).ratio = 0.6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"version": 2},
            "'wanda' is stored in version 2; this graphllm reads version 1",
        ),
        ({"strength": 3}, "'wanda' has no option 'strength'"),
        ({"ratio": 1.5}, r"'ratio' must be inside of \(0, 1\) \(got 1.5\)"),
    ],
)
def test_what_cannot_be_read_back(change, message):
    with pytest.raises(CompressionError, match=message):
        CompressionConfig.from_dict({**Wanda(0.5).to_dict(), **change})


def test_an_unknown_method_names_the_nearest():
    with pytest.raises(UnknownNameError, match="Did you mean 'wanda'"):
        CompressionConfig.from_dict({"method": "wandas"})


@pytest.mark.parametrize("ratio", [0.0, 1.0, -0.1, float("nan")])
def test_a_ratio_is_inside_of_zero_and_one(ratio):
    with pytest.raises(CompressionError, match="must be inside of"):
        check_ratio(ratio)


def test_a_report_is_plain_json():
    layer = LayerReport("a", 4, 2, sparsity=0.5)
    report = Report({"method": "wanda"}, [layer], parameters=10, kept_parameters=8)
    stored = json.loads(json.dumps(report.to_dict()))
    assert stored["layers"][0]["sparsity"] == 0.5
    assert stored["layers"][0]["rank"] is None
    assert stored["kept_parameters"] == 8


def test_bytes_of_tied_parameters_count_once():
    words, head = nn.Embedding(5, 4), nn.Linear(4, 5, bias=False)
    head.weight = words.weight
    model = nn.ModuleList([words, head])
    model.register_buffer("scale", torch.ones(3, dtype=torch.float16))
    assert count_bytes(model) == 20 * 4 + 3 * 2
