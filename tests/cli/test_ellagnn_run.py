import inspect
from pathlib import Path
from types import SimpleNamespace

import pytest

from graphllm.cli.ellagnn import ellagnn
from graphllm.cli.ellagnn_run import run
from graphllm.datasets import write_text_graph
from graphllm.enhance import JudgeNeighbors
from graphllm.errors import UnknownNameError
from graphllm.evaluate import Result
from graphllm.experiments import ellagnn as experiment
from graphllm.llm import Estimate
from graphllm.testing import sbm_text_graph


@pytest.fixture
def given(tmp_path):
    write_text_graph(sbm_text_graph(60), tmp_path / "graph")
    options = {
        name: parameter.default
        for name, parameter in inspect.signature(ellagnn).parameters.items()
    }
    return SimpleNamespace(
        **options
        | {
            "dataset": str(tmp_path / "graph"),
            "out": Path(tmp_path / "out"),
            "encoder": "tfidf",
            "llm": "oracle",
            "pool": "all",
            "budget": "10",
            "backbone": "gcn",
            "seeds": 1,
            "epochs": 2,
            "hidden": 8,
        }
    )


def test_the_defaults_of_the_command_run(given):
    result = run(given)
    assert isinstance(result, Result)
    assert {"plain", "random", "shuffled", "ellagnn", "oracle"} <= set(result.arms)
    assert result.config["selector"] == "pagerank"
    # The oracle is no language model: it was not used, and nothing was spent.
    assert not result.usage


def test_a_plan_is_an_estimate(given):
    given.dry_run = True
    assert isinstance(run(given), Estimate)
    assert not (given.out / "trainings.jsonl").exists()


def test_options_reach_the_enhancer(given, monkeypatch):
    seen = []
    real = experiment.build_arms

    def spy(data, enhancer, *rest):
        seen.append(enhancer)
        return real(data, enhancer, *rest)

    monkeypatch.setattr(experiment, "build_arms", spy)
    given.neighbors, given.inference_neighbors = "judge", "encoder"
    given.answer_weight, given.selection_seed = 0.7, 5
    run(given)
    assert isinstance(seen[0].neighbors, JudgeNeighbors)
    assert seen[0].inference_neighbors == "encoder"
    assert (seen[0].answer_weight, seen[0].seed) == (0.7, 5)
    assert seen[0].budget == 10


def test_names_are_refused_before_anything_is_loaded(given):
    given.dataset = "/no/such/graph"
    given.study = "bugdet"
    with pytest.raises(UnknownNameError, match="study"):
        run(given)
