import pytest

from graphllm.evaluate import Result, summary
from graphllm.report.arms import arms_of, baseline_of, findings, role_of


def two_arms(**details):
    arms = {
        "dense": {"test_acc": summary([0.5, 0.5, 0.5])},
        "mog": {"test_acc": summary([0.52, 0.53, 0.54])},
    }
    return Result("mog", {}, "s", [0, 1, 2], arms, details=details)


def test_order_roles_and_notes(result):
    arms = arms_of(result, "test_acc")
    assert [arm.name for arm in arms] == list(result.arms)
    roles = {arm.name: arm.role for arm in arms}
    assert roles == {
        "plain": "baseline",
        "random": "control",
        "shuffled": "control",
        "shuffled_llm_at_test": "control",
        "ellagnn": "method",
        "ellagnn_llm_at_test": "method",
        "oracle": "bound",
        "oracle_llm_at_test": "bound",
    }
    assert all(arm.note for arm in arms)


def test_the_baseline_has_no_difference_to_itself(result):
    differences = {arm.name: arm.difference for arm in arms_of(result, "test_acc")}
    assert differences.pop("plain") is None
    assert all(differences.values())


def test_baseline_is_named_or_plain_or_first(result):
    assert baseline_of(result) == "plain"
    assert baseline_of(two_arms()) == "dense"
    assert baseline_of(two_arms(baseline="mog")) == "mog"
    assert baseline_of(two_arms(baseline="no such arm")) == "dense"
    assert baseline_of(Result("m", {}, "s", [], {})) is None


def test_an_experiment_can_bring_its_own_notes():
    result = two_arms(arm_notes={"mog": "thirty percent removed"})
    assert [arm.note for arm in arms_of(result, None)] == ["", "thirty percent removed"]
    assert role_of(result, "mog") == "method"


def test_findings_by_hand():
    assert findings(two_arms(), "test_acc") == [
        "mog − dense: +3.0 ± 1.0 points, better on 3 of 3 seeds: "
        "clearly better than dense."
    ]


def test_findings_pair_each_way_of_testing_with_its_own_control(result):
    pairs = [line.split(":")[0] for line in findings(result, "test_acc")]
    assert pairs == [
        "ellagnn − plain",
        "ellagnn − random",
        "ellagnn − shuffled",
        "ellagnn_llm_at_test − plain",
        "ellagnn_llm_at_test − shuffled_llm_at_test",
    ]


def test_findings_do_not_overstate():
    result = two_arms()
    result.arms["mog"]["test_acc"] = summary([0.48, 0.52, 0.53])
    assert "not distinguishable from dense" in findings(result, "test_acc")[0]
    result.arms["dense"]["test_acc"] = summary([0.5])
    result.arms["mog"]["test_acc"] = summary([0.9])
    assert "on 1 of 1 seed: too few seeds to judge" in findings(result, "test_acc")[0]


@pytest.mark.parametrize("metric", [None, "no such metric"])
def test_no_metric_no_findings(result, metric):
    assert findings(result, metric) == []
