import math

import pytest
import torch

from graphllm.data import apply_split
from graphllm.enhance import Enhancer
from graphllm.evaluate import net_correction
from graphllm.experiments import Ledger, Training, run_ellagnn
from graphllm.experiments.slices import correction_rows, run_slices, slice_rows
from graphllm.selection import DegreeSelector

TRAINING = Training(hidden_channels=4, epochs=3, num_layers=1)
VIEWS = ["plain", "ellagnn", "llm_at_test"]
SPLIT = "random-60-20-20"


@pytest.fixture
def enhancer(knowing, encode):
    return Enhancer(knowing, ["expand"], encode, DegreeSelector(), 30, pool="all")


def run(data, enhancer, **options):
    options = {"split": SPLIT, "seeds": [0, 1], "training": TRAINING, **options}
    return run_slices(data, enhancer, **options)


def test_slices_add_up_to_the_whole(small_graph, enhancer):
    result = run(small_graph, enhancer)
    rows = result.details["study"]["rows"]
    assert result.details["study"]["kind"] == "slices"
    # a degree and a distance belong to every test node
    for name in ("degree", "text_length", "distance_to_train"):
        for view in VIEWS:
            own = [r for r in rows if r["slice"] == name and r["view"] == view]
            assert sum(row["nodes"] for row in own) == pytest.approx(18)


def test_one_seed_adds_up_exactly(small_graph, enhancer):
    result = run(small_graph, enhancer, seeds=[4])
    rows = result.details["study"]["rows"]
    for view, arm in zip(VIEWS, result.arms, strict=True):
        own = [r for r in rows if r["slice"] == "degree" and r["view"] == view]
        right = sum(row["nodes"] * row["acc"] for row in own)
        assert right / 18 == pytest.approx(result.arms[arm]["test_acc"]["mean"])


def test_arms_are_those_of_the_whole_experiment(small_graph, enhancer, tmp_path):
    options = {"split": SPLIT, "seeds": [0, 1], "training": TRAINING}
    whole = run_ellagnn(small_graph, enhancer, **options)
    ledger = Ledger(tmp_path / "trainings.jsonl")
    result = run(small_graph, enhancer, ledger=ledger)
    assert result.arms == {arm: whole.arms[arm] for arm in result.arms}
    again = run(small_graph, enhancer, ledger=Ledger(ledger.path))
    # as text: an interval of a bin that one seed has is not a number
    assert str(again.details["study"]) == str(result.details["study"])


def test_corrections_agree_with_the_accuracies(small_graph, enhancer):
    result = run(small_graph, enhancer, seeds=[0, 1, 2])
    mean = {arm: metrics["test_acc"]["mean"] for arm, metrics in result.arms.items()}
    rows = result.details["study"]["corrections"]
    assert [(row["view"], row["within"]) for row in rows] == [
        (view, within)
        for view in VIEWS[1:]
        for within in ("test", "selected", "receptive field")
    ]
    for row in rows:
        if row["within"] == "test":
            arm = "ellagnn" if row["view"] == "ellagnn" else "ellagnn_llm_at_test"
            net = 18 * (mean[arm] - mean["plain"])
            assert row["nodes"] == 18
            assert row["net"] == pytest.approx(net)
            assert row["score"]["mean"] == pytest.approx(net / 30)
        assert row["net"] == pytest.approx(row["fixed"] - row["broken"])


def test_the_price_counts_every_seed(small_graph, enhancer):
    # fixed by hand: two seeds, 30 answers of 8 tokens each
    result = run(small_graph, enhancer)
    rows = result.details["study"]["corrections"]
    assert len(enhancer.llm.calls) == 60
    for row in rows:
        net = 2 * row["net"]
        calls = row["cost"]["calls"]
        assert calls == (pytest.approx(60 / net) if net > 0 else None)
    assert any(row["cost"]["calls"] for row in rows)


def test_a_bin_that_some_seeds_lack():
    def row(view, bin_, nodes, acc):
        return {"slice": "s", "bin": bin_, "view": view, "nodes": nodes, "acc": acc}

    seeds = [
        [row("plain", "a", 2, 0.5), row("ellagnn", "a", 2, 1.0)],
        [row("plain", "a", 0, math.nan), row("ellagnn", "a", 0, math.nan)],
        [row("plain", "a", 4, 0.25), row("ellagnn", "a", 4, 0.5)],
    ]
    empty = [row(view, "b", 0, math.nan) for view in ("plain", "ellagnn")]
    plain, ours = slice_rows([[*rows, *empty] for rows in seeds])
    assert (plain["bin"], ours["bin"]) == ("a", "a")
    assert plain["lift_plain"] is None
    assert ours["nodes"] == 2
    assert ours["acc"] == 0.75
    assert ours["lift_plain"]["mean"] == 0.375
    assert ours["lift_plain"]["n"] == 2


def test_corrections_put_together_by_hand():
    y = torch.tensor([0, 0, 0, 0])
    mask = torch.ones(4, dtype=torch.bool)
    usage = {"calls": 3, "prompt_tokens": 10, "completion_tokens": 5, "cost": 0.5}
    seeds = []
    for before, after in (([1, 1, 1, 0], [0, 0, 1, 0]), ([1, 0, 0, 0], [0, 1, 0, 0])):
        numbers = net_correction(torch.tensor(before), torch.tensor(after), y, mask, 4)
        row = {"view": "ellagnn", "within": "test", **numbers, "usage": usage}
        seeds.append([row])
    (row,) = correction_rows(seeds)
    assert (row["fixed"], row["broken"], row["net"]) == (1.5, 0.5, 1)
    assert row["score"]["values"] == [0.5, 0.0]
    assert row["cost"] == {"calls": 3, "tokens": 15, "money": 0.5}


def test_a_receptive_field_is_as_deep_as_the_network(small_graph, enhancer):
    result = run(small_graph, enhancer, seeds=[0])
    graph = apply_split(small_graph, SPLIT, 0)
    chosen = set(DegreeSelector()(graph, 30, None, "all").tolist())
    reached = chosen | {
        target for source, target in graph.edge_index.t().tolist() if source in chosen
    }
    test = set(graph.test_mask.nonzero().view(-1).tolist())
    rows = {row["within"]: row for row in result.details["study"]["corrections"]}
    assert rows["selected"]["nodes"] == len(test & chosen)
    assert rows["receptive field"]["nodes"] == len(test & reached)
