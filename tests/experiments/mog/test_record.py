import math

import pytest
import torch

from graphllm.experiments import Training
from graphllm.experiments.fit import Score
from graphllm.experiments.mog.plan import Plan
from graphllm.experiments.mog.record import PASSES, Seed, as_result, note_of, role_of
from graphllm.experiments.mog.trained import Trained

PLAN = Plan((0.1, 0.3, 0.5), ("degree",), ("random_capped",), ("vote",), 1, refit=False)
# Accuracy of the two arms at each sparsity, seed by seed; dense has 0.8.
GAINS = {
    "random_capped@0.1": (-0.05, -0.05, -0.06),
    "mog_vote@0.1": (0.01, 0.02, -0.01),
    "random_capped@0.3": (-0.10, -0.11, -0.12),
    "mog_vote@0.3": (-0.02, 0.01, -0.01),
    "random_capped@0.5": (-0.2, -0.2, -0.21),
    "mog_vote@0.5": (-0.09, -0.08, -0.085),
}


def metrics(accuracy, kept, gnn_ms, sparsify_ms):
    return {
        "test_acc": accuracy,
        "kept": kept,
        "gnn_ms": gnn_ms,
        "sparsify_ms": sparsify_ms,
    }


def outcome(routing=None):
    return Trained(
        Score(0.5, 0.5, 3), torch.arange(2), 1.0, [1.0, 0.5], [None, 0.5], routing
    )


def seeds(count=3):
    done = []
    for seed in range(count):
        found = {"dense": metrics(0.8, 1.0, 10.0, 0.0)}
        for arm, gains in GAINS.items():
            share = float(arm.partition("@")[2])
            found[arm] = metrics(0.8 + gains[seed], 1 - share, 10 * (1 - share), 100.0)
        arms = {
            arm: outcome({"experts": ["a"]} if arm.startswith("mog") else None)
            for arm in found
        }
        done.append(Seed(arms, found))
    return done


def record(graph, done, plan=PLAN):
    given = range(len(done)), done, plan, Training("gcn"), {"train": 1.0}
    return as_result(graph, "file", *given)


def test_differences_are_paired_seed_by_seed(graph):
    rows = record(graph, seeds()).details["study"]["rows"]
    assert [row["arm"] for row in rows] == list(GAINS)
    by_arm = {row["arm"]: row for row in rows}
    assert by_arm["random_capped@0.1"]["over_random"] is None
    row = by_arm["mog_vote@0.3"]
    assert row["over_dense"]["mean"] == pytest.approx(-0.02 / 3)
    assert row["over_dense"]["wins"] == 1
    assert row["over_random"]["mean"] == pytest.approx(0.31 / 3)
    assert row["removed"] == pytest.approx(0.3)
    assert row["speedup"] == pytest.approx(10 / 7)


def test_the_largest_sparsity_whose_interval_reaches_zero(graph):
    study = record(graph, seeds()).details["study"]
    assert study["lossless"] == {"random_capped": None, "mog_vote": 0.3}


def test_one_seed_says_nothing(graph):
    study = record(graph, seeds(1)).details["study"]
    assert study["lossless"] == {"random_capped": None, "mog_vote": None}
    assert math.isnan(study["rows"][0]["over_dense"]["high"])


def test_time_with_and_without_the_thinning(graph):
    (_, row, _) = record(graph, seeds()).details["study"]["timing"]
    assert row == {
        "sparsity": 0.3,
        "dense_ms": 10.0,
        "gnn_ms": pytest.approx(7.0),
        "sparsify_ms": 100.0,
        "passes": PASSES,
        "amortised_ms": pytest.approx(7.0 + 100.0 / PASSES),
        "end_to_end_ms": pytest.approx(107.0),
        "break_even": pytest.approx(100.0 / 3.0),
    }


def test_what_is_not_faster_never_pays_off(graph):
    done = seeds()
    for seed in done:
        seed.metrics["mog_vote@0.1"]["gnn_ms"] = 11.0
    row = record(graph, done).details["study"]["timing"][0]
    assert row["break_even"] is None


def test_the_shown_arm_is_not_chosen_by_its_test_accuracy(graph):
    result = record(graph, seeds())
    assert result.details["method_arm"] == "mog_vote@0.3"
    assert result.details["baseline"] == "dense"
    assert set(result.details["study"]["routing"]) == {
        f"mog_vote@{share}" for share in (0.1, 0.3, 0.5)
    }
    assert set(result.details["curves"]) == {
        "dense",
        *result.details["study"]["routing"],
    }


def test_the_result_can_be_written(graph, tmp_path):
    result = record(graph, seeds(1))
    again = type(result).load(result.save(tmp_path / "result.json"))
    assert again.details["study"]["rows"][0]["over_dense"]["high"] is None
    assert again.arms.keys() == result.arms.keys()


@pytest.mark.parametrize(
    ("arm", "role"),
    [
        ("dense", "baseline"),
        ("mog@0.3", "method"),
        ("mog_vote@0.3", "method"),
        ("mog_refit@0.3", "bound"),
        ("jaccard@0.3", "control"),
        ("single_degree@0.3", "control"),
    ],
)
def test_every_arm_has_a_role_and_a_note(arm, role):
    assert role_of(arm) == role
    assert note_of(arm)
