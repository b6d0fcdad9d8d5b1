import inspect
from types import SimpleNamespace

import pytest
import torch

from graphllm.cli import features, mog_run
from graphllm.cli.mog import mog
from graphllm.cli.mog_run import plan_of, run
from graphllm.experiments import Training
from graphllm.experiments.mog import BASELINES, Plan, run_mog
from graphllm.testing import sbm_text_graph


@pytest.fixture
def given(tmp_path):
    """The defaults of the command."""
    signature = inspect.signature(mog).parameters
    options = {name: parameter.default for name, parameter in signature.items()}
    return SimpleNamespace(**options | {"out": tmp_path})


def test_the_defaults_are_those_of_the_library(given):
    assert plan_of(given) == Plan()
    defaults = inspect.signature(run_mog).parameters
    for name in ("sparsities", "criteria", "baselines", "mixes", "k", "interval"):
        assert getattr(Plan(), name) == defaults[name].default, name
    assert (Plan().singles, Plan().refit) == (False, True)


@pytest.mark.parametrize(
    ("mix", "mixes"),
    [
        ("grassmann", ("grassmann", "vote")),
        ("vote", ("vote",)),
        ("gated_mean", ("gated_mean", "vote")),
    ],
)
def test_the_mix_comes_first_and_the_vote_is_its_control(given, mix, mixes):
    given.mix = mix
    assert plan_of(given).mixes == mixes


@pytest.mark.parametrize(
    ("arms", "families"),
    [
        ("random, scan", ["random", "scan"]),
        ("ugs,random", ["random", "ugs"]),
        ("mog_vote,mog", ["mog_vote", "mog"]),
        ("mog_vote", ["mog_vote"]),
        ("mog_refit", ["mog", "mog_refit"]),
        ("mog_vote,mog_refit", ["mog_vote", "mog_refit"]),
        ("singles,jaccard", ["jaccard", "single_degree"]),
    ],
)
def test_arms_are_those_named(given, arms, families):
    given.arms, given.criteria = arms, "degree"
    assert plan_of(given).families == families


def test_options_reach_the_experiment(given, monkeypatch):
    data = sbm_text_graph(30)
    data.x, data.name = torch.ones(30, 4), "sbm"
    seen = {}

    def told(graph, **options):
        seen.update(options, graph=graph)
        raise KeyboardInterrupt

    monkeypatch.setattr(mog_run, "run_mog", told)
    monkeypatch.setattr(features, "load_dataset", lambda name, root: data)
    given.sparsity, given.criteria, given.k, given.interval = (
        *("0.5,0.2,0.5", "scan,degree,scan", 3, 4),
    )
    given.backbone, given.layers, given.hidden, given.lr = "sage", 3, 16, 0.02
    given.seeds, given.split = 2, "random-60-20-20"
    with pytest.raises(KeyboardInterrupt):
        run(given)
    assert seen["graph"] is data
    assert seen["sparsities"] == (0.2, 0.5)
    assert seen["criteria"] == ("scan", "degree")
    assert (seen["k"], seen["interval"]) == (3, 4)
    assert seen["baselines"] == BASELINES
    assert (list(seen["seeds"]), seen["split"]) == ([0, 1], "random-60-20-20")
    assert seen["training"] == Training("sage", 3, 16, fusion="replace", lr=0.02)
    # The data's own features, where it has some; the text is not read.
    assert torch.equal(seen["x"], torch.full((30, 4), 0.25))
