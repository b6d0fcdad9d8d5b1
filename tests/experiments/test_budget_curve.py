import pytest
import torch

from graphllm.data import apply_split
from graphllm.enhance import Enhancer
from graphllm.errors import BudgetError
from graphllm.evaluate import paired_difference
from graphllm.experiments import Ledger, Training, run_ellagnn
from graphllm.experiments.budget_curve import (
    choose_cells,
    plan_budget_curve,
    run_budget_curve,
)
from graphllm.selection import (
    DegreeSelector,
    PageRankSelector,
    RandomSelector,
    candidate_nodes,
)

TRAINING = Training(hidden_channels=4, epochs=2)
SPLIT = "random-60-20-20"
BUDGETS = (0, 0.1, 0.5, 1.0)


@pytest.fixture
def enhancer(knowing, encode):
    return Enhancer(knowing, ["expand"], encode, PageRankSelector(), 0.5, pool="train")


@pytest.fixture
def trainings(monkeypatch):
    """One entry a training that was not taken from memory or a ledger."""
    import graphllm.experiments.ellagnn as module

    done, real = [], module.fit

    def counted(*args, **kwargs):
        done.append(1)
        return real(*args, **kwargs)

    monkeypatch.setattr(module, "fit", counted)
    return done


def run(data, enhancer, **options):
    options = {
        "selectors": {"pagerank": PageRankSelector(), "degree": DegreeSelector()},
        "budgets": BUDGETS,
        "split": SPLIT,
        "seeds": [0, 1],
        "training": TRAINING,
        **options,
    }
    return run_budget_curve(data, enhancer, **options)


def test_arms_and_rows(small_graph, enhancer):
    result = run(small_graph, enhancer)
    names = [f"{s}@{b}" for s in ("random", "pagerank", "degree") for b in BUDGETS[1:]]
    expected = {"plain", *names, *(f"{name}_llm_at_test" for name in names)}
    assert set(result.arms) == expected
    study = result.details["study"]
    assert study["kind"] == "budget"
    assert [row["arm"] for row in study["rows"]] == [
        arm for name in names for arm in (name, f"{name}_llm_at_test")
    ]
    assert all(len(arm["test_acc"]["values"]) == 2 for arm in result.arms.values())


def test_lifts_are_paired_with_plain_and_with_chance_of_the_same_view(
    small_graph, enhancer
):
    result = run(small_graph, enhancer)
    values = {name: arm["test_acc"]["values"] for name, arm in result.arms.items()}
    rows = {row["arm"]: row for row in result.details["study"]["rows"]}
    for name, chance in (
        ("degree@0.1", "random@0.1"),
        ("degree@0.1_llm_at_test", "random@0.1_llm_at_test"),
    ):
        row = rows[name]
        assert row["lift_plain"] == paired_difference(values[name], values["plain"])
        assert row["lift_random"] == paired_difference(values[name], values[chance])
        assert row["acc"] == result.arms[name]["test_acc"]["mean"]
        assert rows[chance]["lift_random"] is None
    assert rows["degree@0.1_llm_at_test"]["view"] == "llm_at_test"
    assert rows["degree@0.1"]["view"] == "ellagnn"


def test_a_cell_is_the_arm_of_the_whole_experiment(small_graph, enhancer, tmp_path):
    whole = run_ellagnn(
        small_graph, enhancer, split=SPLIT, seeds=[0, 1], training=TRAINING
    )
    result = run(small_graph, enhancer)
    for cell, arm in (
        ("pagerank@0.5", "ellagnn"),
        ("pagerank@0.5_llm_at_test", "ellagnn_llm_at_test"),
        ("random@0.5", "random"),
        ("plain", "plain"),
    ):
        assert result.arms[cell] == whole.arms[arm]


def test_cells_of_the_same_nodes_share_a_training(
    small_graph, enhancer, encode, trainings, tmp_path
):
    graph, x = apply_split(small_graph, SPLIT, 0), encode(small_graph.text)
    selectors = {"pagerank": PageRankSelector(), "degree": DegreeSelector()}
    cells = choose_cells(graph, enhancer, x, selectors, BUDGETS, 0)
    different = len({tuple(cell.nodes.tolist()) for cell in cells})
    assert different < len(cells) - 1
    ledger = Ledger(tmp_path / "trainings.jsonl")
    result = run(small_graph, enhancer, seeds=[0], ledger=ledger)
    assert len(trainings) == 1 + different
    assert result.arms["degree@1.0"] == result.arms["random@1.0"]
    run(small_graph, enhancer, seeds=[0], ledger=Ledger(ledger.path))
    assert len(trainings) == 1 + different


def test_every_chosen_node_is_asked_about_once_a_seed(small_graph, enhancer, encode):
    x = encode(small_graph.text)
    options = {"split": SPLIT, "seeds": [0, 1], "budgets": (0.1, 0.3)}
    selectors = {"degree": DegreeSelector()}
    plan = plan_budget_curve(
        small_graph, enhancer, x, selectors, options["budgets"], SPLIT, [0, 1]
    )
    assert enhancer.llm.calls == []
    run(small_graph, enhancer, x=x, selectors=selectors, **options)
    asked = [call.node for call in enhancer.llm.calls]
    expected = []
    for seed in (0, 1):
        graph = apply_split(small_graph, SPLIT, seed)
        cells = choose_cells(graph, enhancer, x, selectors, (0.1, 0.3), seed)
        expected += sorted({node for cell in cells for node in cell.nodes.tolist()})
    assert asked == expected
    assert plan.calls == len(asked)


def test_cells_are_nested_lie_in_the_pool_and_are_scored_once(
    small_graph, enhancer, encode
):
    scored = []

    class Counting(DegreeSelector):
        def score(self, data, context):
            scored.append(context.seed)
            return super().score(data, context)

    graph, x = apply_split(small_graph, SPLIT, 3), encode(small_graph.text)
    enhancer.seed = 7
    selectors = {"degree": Counting()}
    cells = choose_cells(graph, enhancer, x, selectors, BUDGETS, 3)
    assert scored == [7]
    pool = set(candidate_nodes(graph, "train").tolist())
    sets = [set(cell.nodes.tolist()) for cell in cells]
    for smaller, larger in ((0, 1), (1, 2), (3, 4), (4, 5)):
        assert sets[smaller] < sets[larger] <= pool
    assert sets[2] == sets[5] == pool
    direct = DegreeSelector()(graph, 0.5, None, "train")
    assert torch.equal(cells[4].nodes, direct)


def test_chance_is_drawn_anew_for_each_seed(small_graph, enhancer, encode):
    x = encode(small_graph.text)
    drawn = [
        choose_cells(small_graph, enhancer, x, {}, (0.5,), seed)[0].nodes.tolist()
        for seed in (0, 1, 1)
    ]
    assert drawn[0] != drawn[1]
    assert drawn[1] == drawn[2]


def test_random_may_be_named_and_counts_are_budgets(small_graph, enhancer):
    result = run(
        small_graph, enhancer, selectors={"random": RandomSelector()}, budgets=[5]
    )
    assert list(result.arms) == ["plain", "random@5", "random@5_llm_at_test"]
    assert {row["nodes"] for row in result.details["study"]["rows"]} == {5}


def test_shuffled_answers_are_arms_of_their_own(small_graph, enhancer):
    result = run(small_graph, enhancer, selectors={}, budgets=[1, 8], shuffled=True)
    assert "random@8_shuffled" in result.arms
    assert "random@8_shuffled_llm_at_test" in result.arms
    assert "random@1_shuffled" not in result.arms
    views = {row["view"] for row in result.details["study"]["rows"]}
    assert views == {"ellagnn", "llm_at_test", "shuffled", "shuffled_llm_at_test"}


def test_progress_ends_where_it_said(small_graph, enhancer):
    seen = []
    run(small_graph, enhancer, progress=lambda *step: seen.append(step))
    steps = [step[1:] for step in seen if step[0] == "train"]
    assert steps == [(done, 18) for done in range(1, 19)]
    assert ("ask, seed 1", 54, 54) in seen


def test_nothing_to_sweep(small_graph, enhancer):
    with pytest.raises(BudgetError, match="no budget above 0 to sweep"):
        run(small_graph, enhancer, budgets=[0])


def test_a_budget_out_of_range(small_graph, enhancer):
    with pytest.raises(BudgetError, match="as a share"):
        run(small_graph, enhancer, budgets=[0.1, 1.5])
