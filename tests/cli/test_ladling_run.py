import inspect
from types import SimpleNamespace

import pytest
import torch

from graphllm.cli import features, ladling_run
from graphllm.cli.ladling import ladling
from graphllm.cli.ladling_run import run
from graphllm.experiments.ladling import Plain, Recipe
from graphllm.testing import sbm_text_graph


@pytest.fixture
def given(tmp_path):
    """The defaults of the command."""
    signature = inspect.signature(ladling).parameters
    options = {name: parameter.default for name, parameter in signature.items()}
    return SimpleNamespace(**options | {"out": tmp_path})


def test_options_reach_the_experiment(given, monkeypatch):
    data = sbm_text_graph(30)
    data.x, data.name = torch.ones(30, 4), "sbm"
    seen = {}

    def told(graph, **options):
        seen.update(options, graph=graph)
        raise KeyboardInterrupt

    monkeypatch.setattr(ladling_run, "run_ladling", told)
    monkeypatch.setattr(features, "load_dataset", lambda name, root: data)
    given.ingredients, given.granularity, given.methods = 4, 6, "gis"
    given.seeds, given.split, given.hidden = 2, "random-60-20-20", 16
    with pytest.raises(KeyboardInterrupt):
        run(given)
    assert seen["graph"] is data
    # The data's own features, where it has some; the text is not read.
    assert torch.equal(seen["x"], torch.full((30, 4), 0.25))
    assert (list(seen["seeds"]), seen["split"]) == ([0, 1], "random-60-20-20")
    assert (seen["num_ingredients"], seen["granularity"]) == (4, 6)
    assert seen["methods"] == ("gis",)
    assert seen["recipe"] == Recipe(hidden_channels=16)
    assert seen["factory"] == Plain(Recipe(hidden_channels=16), 4, 3)
    assert seen["runner"] is None
    assert seen["folder"] == given.out / "ingredients"
