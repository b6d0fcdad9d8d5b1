from functools import wraps

import pytest
import torch

from graphllm.errors import BudgetError, GraphLLMError, TextGraphError
from graphllm.experiments import Ledger, Training
from graphllm.experiments.mog import run_mog
from graphllm.experiments.mog import trained as trained_module

TRAINING = Training("gcn", 2, 8, epochs=10, patience=10)
SMALL = {
    "training": TRAINING,
    "split": "file",
    "seeds": [0, 1],
    "sparsities": [0.2, 0.5],
    "criteria": ["degree", "jaccard"],
    "baselines": ["random", "jaccard", "ugs"],
    "mixes": ["vote"],
}
TIMES = ("gnn_ms", "sparsify_ms")


def accuracies(result):
    return {
        arm: {name: entry for name, entry in metrics.items() if name not in TIMES}
        for arm, metrics in result.arms.items()
    }


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    return tmp_path_factory.mktemp("ledger") / "trainings.jsonl"


@pytest.fixture
def result(graph, ledger):
    return run_mog(graph, **SMALL, ledger=Ledger(ledger))


def test_arms_and_metrics(result, graph):
    families = ["random", "jaccard", "ugs", "mog_vote", "mog_refit"]
    expected = ["dense", *(f"{name}@{s}" for s in (0.2, 0.5) for name in families)]
    assert list(result.arms) == expected
    for metrics in result.arms.values():
        assert set(metrics) == {
            *("test_acc", "val_acc", "epoch", "kept", "components", "isolated"),
            *("homophily", *TIMES),
        }
        assert all(len(entry["values"]) == 2 for entry in metrics.values())
    assert result.method == "mog"
    assert result.dataset["num_edges"] == graph.num_edges
    assert result.config["sparsities"] == (0.2, 0.5)


def test_every_arm_keeps_as_many_edges(result, graph):
    for share in (0.2, 0.5):
        wanted = round((1 - share) * graph.num_edges)
        for arm, metrics in result.arms.items():
            if arm.endswith(f"@{share}"):
                counts = [v * graph.num_edges for v in metrics["kept"]["values"]]
                # Whole undirected edges: an odd number is missed by one.
                assert all(wanted - 1.001 <= c <= wanted + 1.001 for c in counts), arm
    assert result.arms["dense"]["kept"]["values"] == [1.0, 1.0]
    assert result.arms["dense"]["sparsify_ms"]["values"] == [0.0, 0.0]


def test_mog_keeps_exactly_its_budget_and_refit_its_graph(result, graph):
    for share in (0.2, 0.5):
        mog, refit = (result.arms[f"{n}@{share}"] for n in ("mog_vote", "mog_refit"))
        wanted = round((1 - share) * graph.num_edges) / graph.num_edges
        assert mog["kept"]["values"] == pytest.approx([wanted] * 2)
        for name in ("kept", "components", "isolated", "homophily", "sparsify_ms"):
            assert refit[name] == mog[name]


def test_an_interrupted_run_goes_on_and_loses_one_training(
    graph, result, tmp_path, monkeypatch, no_training
):
    trained = []
    real = trained_module.fit_sparsified

    @wraps(real)
    def counted(*args, **options):
        trained.append(1)
        if len(trained) == 4:
            raise KeyboardInterrupt
        return real(*args, **options)

    monkeypatch.setattr(trained_module, "fit_sparsified", counted)
    path = tmp_path / "trainings.jsonl"
    with pytest.raises(KeyboardInterrupt):
        run_mog(graph, **SMALL, ledger=Ledger(path))
    resumed = run_mog(graph, **SMALL, ledger=Ledger(path))
    # Two seeds, two sparsities, MoG and ugs; the fourth ran once more.
    assert len(trained) == 8 + 1
    assert accuracies(resumed) == accuracies(result)
    no_training()
    again = run_mog(graph, **SMALL, ledger=Ledger(path))
    assert accuracies(again) == accuracies(result)
    assert again.details["study"]["routing"] == result.details["study"]["routing"]


def test_progress_counts_every_training(graph, ledger):
    seen = []
    told = lambda *args: seen.append(args)  # noqa: E731
    run_mog(graph, **SMALL, ledger=Ledger(ledger), progress=told)
    # Two seeds: dense, and five arms at two sparsities.
    assert seen == [("train", done, 22) for done in range(1, 23)]


def test_baselines_alone_need_no_mog(graph):
    only = {**SMALL, "mixes": [], "baselines": ["scan", "ugs"], "seeds": [0]}
    result = run_mog(graph, **only)
    names = [f"{name}@{s}" for s in (0.2, 0.5) for name in ("scan", "ugs")]
    assert list(result.arms) == ["dense", *names]
    assert result.arms["scan@0.5"]["kept"]["mean"] == pytest.approx(0.5, abs=0.01)
    assert result.details["method_arm"] == "scan@0.5"


def test_a_single_expert_of_each_criterion(graph):
    more = {**SMALL, "singles": True, "baselines": [], "refit": False, "seeds": [0]}
    result = run_mog(graph, **{**more, "sparsities": [0.5]})
    assert list(result.arms) == [
        *("dense", "single_degree@0.5", "single_jaccard@0.5", "mog_vote@0.5")
    ]


def test_self_loops_are_outside_every_budget(graph):
    nodes = torch.arange(graph.num_nodes)
    loops = torch.stack([nodes, nodes])
    graph.edge_index = torch.cat([graph.edge_index, loops], dim=1)
    judged = graph.num_edges - graph.num_nodes
    only = {**SMALL, "sparsities": [0.5], "seeds": [0]}
    result = run_mog(graph, **only)
    for arm in ("mog_vote", "random", "ugs"):
        kept = result.arms[f"{arm}@0.5"]["kept"]["mean"] * graph.num_edges
        assert abs(kept - graph.num_nodes - judged / 2) < 1.01, arm


def test_other_features_may_be_given(graph, result):
    x, graph.x = graph.x, torch.ones(graph.num_nodes, 2)
    only = {**SMALL, "baselines": ["scan"], "mixes": [], "seeds": [0]}
    given = run_mog(graph, x=x, **only).arms["dense"]
    assert given["val_acc"]["values"] == result.arms["dense"]["val_acc"]["values"][:1]
    own = run_mog(graph, **only).arms["dense"]
    assert own["val_acc"] != given["val_acc"]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"training": Training("mlp")}, GraphLLMError, "'mlp' reads no edges"),
        ({"training": Training(batch_size=4)}, GraphLLMError, "batch_size=4"),
        ({"sparsities": [1.5]}, BudgetError, "below 1"),
    ],
)
def test_nonsense_is_refused(graph, change, error, message):
    with pytest.raises(error, match=message):
        run_mog(graph, **{**SMALL, **change})


def test_graphs_without_features_or_edges_are_refused(graph):
    without = graph.clone()
    del without.x
    with pytest.raises(TextGraphError, match="no features"):
        run_mog(without, **SMALL)
    graph.edge_index = graph.edge_index[:, :0]
    with pytest.raises(TextGraphError, match="no edges"):
        run_mog(graph, **SMALL)
