from dataclasses import dataclass

import pytest
import torch
import torch_geometric.nn as pyg

from graphllm.errors import GraphLLMError, TextGraphError, UnknownNameError
from graphllm.experiments.ladling import METHODS, InProcess, Recipe, run_ladling
from graphllm.testing import sbm_text_graph

RECIPE = Recipe(hidden_channels=8, epochs=12, norm="batch_norm")


@pytest.fixture
def data():
    made = sbm_text_graph(90, 0.1, 0.02, seed=1)
    random = torch.Generator().manual_seed(0)
    made.x = torch.randn(90, 12, generator=random)
    made.x[:, :3] += torch.nn.functional.one_hot(made.y, 3)
    return made


def run(data, **options):
    defaults = {
        "split": "random-60-20-20",
        "seeds": (0, 1),
        "recipe": RECIPE,
        "num_ingredients": 3,
        "granularity": 5,
    }
    return run_ladling(data, **{**defaults, **options})


def test_all_arms_every_seed_and_the_same_again(data, tmp_path):
    seen = []
    first = run(data, folder=tmp_path, progress=lambda *args: seen.append(args))
    baselines = {"mean_ingredient", "best_by_validation", "best_recalibrated"}
    assert set(first.arms) == {*METHODS, *baselines}
    assert first.details["baseline"] == "best_recalibrated"
    assert first.details["method_arm"] == "gis"
    for metrics in first.arms.values():
        assert len(metrics["test_acc"]["values"]) == 2
    # Three that share their initial weights and three of their own, a seed.
    assert len(list(tmp_path.iterdir())) == 12
    assert seen[0] == ("train", 0, 12)
    assert ("train", 12, 12) in seen
    assert seen[-1] == ("soups", 2, 2)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = run(data, folder=tmp_path)
    assert again.arms == first.arms
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_the_ingredients_of_a_seed_share_their_start(data, tmp_path):
    jobs = []

    class Listening:
        def run(self, data, given, folder, progress=None):
            jobs.extend(given)
            return InProcess().run(data, given, folder, progress)

    run(data, seeds=(0,), runner=Listening(), recipe=Recipe(epochs=2))
    shared, own = jobs[:3], jobs[3:]
    assert len({job.init_seed for job in shared}) == 1
    assert len({job.init_seed for job in jobs}) == 4
    assert len({job.seed for job in shared}) == 3
    assert [job.seed for job in own] == [job.seed for job in shared]


def test_a_network_of_ones_own_is_trained(data, tmp_path):
    result = run(data, seeds=(0,), methods=("gis",), factory=Graph(12, 3))
    assert result.config["network"] == "Graph(in_channels=12, out_channels=3)"
    assert result.config["runner"] == "InProcess()"
    assert set(result.arms) == {"mean_ingredient", "best_by_validation", "gis"}
    assert result.arms["gis"]["val_acc"]["mean"] > 0.4


@dataclass(frozen=True)
class Graph:
    in_channels: int
    out_channels: int

    def __call__(self):
        return pyg.GAT(self.in_channels, 6, 2, self.out_channels, dropout=0.3)


def test_features_may_be_given_apart(data):
    x = data.x
    data.x = None
    with pytest.raises(TextGraphError, match="no features"):
        run(data)
    assert run(data, x=x, seeds=(0,), methods=("uniform",)).arms["uniform"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"num_ingredients": 1}, GraphLLMError, "at least 2 ingredients"),
        ({"granularity": 2}, GraphLLMError, "'granularity' must be at least 3"),
        ({"seeds": ()}, GraphLLMError, "got no seeds"),
        ({"methods": ("gsi",)}, UnknownNameError, "Did you mean 'gis'"),
    ],
)
def test_what_makes_no_sense_is_refused(data, options, error, message):
    with pytest.raises(error, match=message):
        run(data, **options)
