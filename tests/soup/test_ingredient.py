import json
import os

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from graphllm.errors import GraphLLMError, ModelNotFoundError
from graphllm.soup import load_ingredient, save_ingredient

FACTS = {"seed": 3, "score": [0.5, 0.25], "model": {"name": "gcn"}, "note": "ü\n"}


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_round_trip(tmp_path):
    state = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)).state_dict()
    state |= {"half": torch.randn(3).bfloat16(), "flag": torch.tensor([True])}
    state |= {"a": torch.ones(2, 3).t(), "empty": torch.empty(0, 4)}
    path = save_ingredient(tmp_path / "new" / "one.safetensors", state, FACTS)
    loaded = load_ingredient(str(path))
    assert loaded.facts == FACTS
    assert list(loaded.state_dict) == list(state)
    for name, tensor in state.items():
        assert loaded.state_dict[name].dtype == tensor.dtype
        assert torch.equal(loaded.state_dict[name], tensor)
    assert names(path.parent) == ["one.safetensors"]


def test_facts_are_plain_json_in_the_header(tmp_path):
    path = save_ingredient(tmp_path / "one", {"w": torch.ones(1)}, FACTS)
    with safe_open(path, framework="pt") as file:
        assert json.loads(file.metadata()["facts"]) == FACTS


def test_tied_parameters_and_views_of_one_storage(tmp_path):
    shared, stack = torch.randn(4), torch.randn(3, 4)
    state = {"b": shared, "a": shared, "s0": stack[0], "s1": stack[1], "all": stack}
    path = save_ingredient(tmp_path / "one", state, {})
    loaded = load_ingredient(path).state_dict
    assert list(loaded) == list(state)
    assert all(torch.equal(loaded[name], state[name]) for name in state)
    assert loaded["a"] is loaded["b"]
    assert path.stat().st_size < 1500


def test_a_later_one_replaces_the_whole(tmp_path):
    path = tmp_path / "one"
    save_ingredient(path, {"w": torch.ones(5)}, {"seed": 1})
    save_ingredient(path, {"v": torch.zeros(2)}, {"seed": 2})
    loaded = load_ingredient(path)
    assert (list(loaded.state_dict), loaded.facts) == (["v"], {"seed": 2})


def test_killed_before_the_end_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "one"
    save_ingredient(path, {"w": torch.ones(5)}, {"seed": 1})

    def killed(*_):
        raise OSError("killed")

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(GraphLLMError, match=r"cannot write '.*one' \(killed\); free"):
        save_ingredient(path, {"v": torch.zeros(2)}, {"seed": 2})
    assert load_ingredient(path).facts == {"seed": 1}
    assert names(tmp_path) == ["one"]


def test_what_cannot_be_written(tmp_path):
    state = {"w": torch.ones(1)}
    with pytest.raises(GraphLLMError, match=r"'facts' of .* must be what JSON can say"):
        save_ingredient(tmp_path / "one", state, {"model": nn.Linear(1, 1)})
    with pytest.raises(GraphLLMError, match=r"an entry that is no tensor \('x'\)"):
        save_ingredient(tmp_path / "one", {"x": 1}, {})
    (tmp_path / "file").write_text("")
    with pytest.raises(GraphLLMError, match="cannot write"):
        save_ingredient(tmp_path / "file" / "one", state, {})
    assert names(tmp_path) == ["file"]


def test_what_cannot_be_read(tmp_path):
    path = tmp_path / "one"
    with pytest.raises(ModelNotFoundError, match=r"no ingredient at '.*one'"):
        load_ingredient(path)
    save_ingredient(path, {"w": torch.ones(100)}, FACTS)
    whole = path.read_bytes()
    for damaged in (whole[:-4], whole[:20], b"", b"not a network"):
        path.write_bytes(damaged)
        with pytest.raises(ModelNotFoundError, match=r"cannot read .* delete it"):
            load_ingredient(path)
    save_file({"w": torch.ones(1)}, path, metadata={"format": "pt"})
    with pytest.raises(ModelNotFoundError, match="it is no ingredient of format 1"):
        load_ingredient(path)
