import inspect
from types import SimpleNamespace

import pytest
import torch

from graphllm.cli.llaga import llaga
from graphllm.cli.llaga_choices import (
    arms_of,
    check,
    device_of,
    model_name,
    names_of,
    template_of,
    training_of,
)
from graphllm.errors import GraphLLMError, UnknownNameError
from graphllm.experiments.llaga import LINK_ARMS, NODE_ARMS, LLaGATraining
from graphllm.graph_tokens import HopField, NeighborhoodDetail


@pytest.fixture
def given(tmp_path):
    """The defaults of the command; a folder stands for the model."""
    signature = inspect.signature(llaga).parameters
    options = {name: parameter.default for name, parameter in signature.items()}
    return SimpleNamespace(**options | {"llm": str(tmp_path)})


def test_the_defaults_are_those_of_the_library(given):
    check(given)
    assert training_of(given) == LLaGATraining()
    assert template_of(given) == HopField()
    given.template = "nd"
    assert template_of(given) == NeighborhoodDetail()


def test_options_reach_the_template(given):
    given.template, given.fan_out, given.pe, given.resample = (
        "nd",
        " 4, 2",
        "none",
        True,
    )
    assert template_of(given) == NeighborhoodDetail((4, 2), pe=None, resample=True)
    given.template, given.hops, given.norm = "ho", 2, "sym"
    assert template_of(given) == HopField(2, "sym")


def test_options_reach_the_training(given):
    given.projector_layers, given.hidden, given.label_smoothing = 3, 64, 0.1
    training = training_of(given)
    assert training.num_layers == 3
    assert training.hidden_channels == 64
    assert training.label_smoothing == 0.1


def test_arms_of_each_task(given):
    assert arms_of(given) == NODE_ARMS
    given.task = "lp"
    assert arms_of(given) == LINK_ARMS
    given.arms = " gcn,llaga,gcn"
    assert arms_of(given) == ("gcn", "llaga")


def test_the_model_may_be_named_with_its_backend(tmp_path):
    assert model_name(f"transformers:{tmp_path}") == str(tmp_path)
    assert model_name("owner/model") == "owner/model"


def test_the_device(monkeypatch):
    assert device_of("cpu") == torch.device("cpu")
    monkeypatch.setattr(
        torch.accelerator, "current_accelerator", lambda check_available: None
    )
    assert device_of(None) == torch.device("cpu")
    with pytest.raises(GraphLLMError, match="leave --device out"):
        device_of("xpu:77")


def test_names():
    assert names_of("a, b,,c ") == ["a", "b", "c"]
    assert names_of(None) == names_of(",") == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train": "a"}, "give both"),
        ({"test": "a"}, "give both"),
        ({"train": ",", "test": "a"}, "give both"),
        ({"train": "a,b", "test": "b"}, "'b' is in --train and in --test"),
        ({"train": "a", "test": "b", "task": "lp"}, "transfer is for '--task nc'"),
        ({"train": "a", "test": "b", "dataset": "c"}, "'--dataset c'"),
        ({"train": "a", "test": "b", "arms": "gcn"}, "'--arms gcn'"),
    ],
)
def test_what_does_not_go_together(given, change, message):
    vars(given).update(change)
    with pytest.raises(GraphLLMError, match=message):
        check(given)


def test_unknown_names_are_listed(given):
    given.template = "tree"
    with pytest.raises(UnknownNameError, match="Choose one of: ho, nd"):
        check(given)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "lp"}, "'--task lp' would be another task"),
        ({"train": "cora", "test": "citeseer"}, "--train and --test name several"),
    ],
)
def test_a_sparse_graph_is_of_one_data_set_and_no_link_task(given, change, message):
    given.graph = "sparse.pt"
    check(given)
    vars(given).update(change)
    with pytest.raises(GraphLLMError, match=message):
        check(given)
