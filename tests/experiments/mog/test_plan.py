import pytest

from graphllm.errors import BudgetError, GraphLLMError, UnknownNameError
from graphllm.experiments.mog.plan import Plan


def test_families_are_in_the_order_of_a_report():
    plan = Plan(baselines=("random", "ugs"), criteria=("degree", "scan"), singles=True)
    assert plan.families == [
        *("random", "ugs", "single_degree", "single_scan"),
        *("mog_vote", "mog", "mog_refit"),
    ]
    assert Plan(baselines=("scan",), mixes=()).families == ["scan"]
    assert Plan(baselines=(), mixes=("vote",), refit=False).families == ["mog_vote"]


def test_every_family_but_refit_and_baselines_is_trained_jointly():
    plan = Plan(mixes=("vote", "grassmann", "gated_mean"), singles=True, k=3)
    joint = plan.joint(0.3)
    names = {arm.family for arm in joint}
    assert names == set(plan.families) - {"mog_refit", *plan.baselines}
    assert [arm.mix for arm in joint[:3]] == ["vote", "grassmann", "gated_mean"]
    assert {arm.k for arm in joint[:3]} == {3}
    assert {(arm.k, len(arm.experts)) for arm in joint[3:]} == {(1, 1)}


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"criteria": ("degre",)}, UnknownNameError, "Did you mean 'degree'"),
        ({"baselines": ("rand",)}, UnknownNameError, "unknown baseline 'rand'"),
        ({"mixes": ("votes",)}, UnknownNameError, "Did you mean 'vote'"),
        ({"sparsities": (0.3, 1.0)}, BudgetError, r"below 1 \(got 1\)"),
        ({"sparsities": (0.0,)}, BudgetError, r"above 0 and below 1 \(got 0\)"),
        ({"sparsities": ()}, GraphLLMError, "at least one sparsity"),
        ({"baselines": (), "mixes": ()}, GraphLLMError, "nothing to compare"),
        ({"criteria": ()}, GraphLLMError, "at least one edge criterion"),
        ({"criteria": ("scan",), "k": 4}, BudgetError, r"in \[1, 3\] \(got 4\)"),
        ({"k": 0}, BudgetError, r"in \[1, \d+\] \(got 0\)"),
        ({"interval": 0}, GraphLLMError, r"'interval' must be at least 1 \(got 0\)"),
    ],
)
def test_nonsense_is_refused(change, error, message):
    with pytest.raises(error, match=message):
        Plan(**change)
