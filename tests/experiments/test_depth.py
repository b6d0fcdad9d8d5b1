import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from graphllm import ELLaGNN
from graphllm.enhance import attach
from graphllm.experiments import Ledger, Training
from graphllm.experiments.depth import (
    deep_network,
    last_hidden,
    run_depth,
    train_deep,
)
from graphllm.experiments.ellagnn import Arm
from graphllm.models import BACKBONES
from graphllm.testing import sbm_text_graph

SMALL = Training(hidden_channels=8, epochs=5, patience=5, dropout=0.2)


def make_graph():
    data = sbm_text_graph()
    generator = torch.Generator().manual_seed(0)
    data.clean = F.one_hot(data.y, 3).float()
    data.noisy = data.clean + torch.randn(60, 3, generator=generator)
    return data


@pytest.fixture
def graph():
    return make_graph()


@pytest.fixture(scope="module")
def result():
    return run(make_graph(), backbones=("gcn", "gcnii"))


def enhance(graph):
    return attach(graph, graph.noisy, torch.arange(0, 60, 2), graph.clean[::2], [], 1.0)


def run(graph, **options):
    options = {"depths": (2, 4), "seeds": (0, 1), "training": SMALL, **options}
    return run_depth(graph, enhance(graph), **options)


def test_an_arm_for_every_network_depth_and_kind_of_features(result):
    assert set(result.arms) == {
        f"{prefix}{name}-{depth}"
        for prefix in ("", "ellagnn-")
        for name in ("gcn", "gcnii")
        for depth in (2, 4)
    }
    for arm, metrics in result.arms.items():
        assert len(metrics["test_acc"]["values"]) == 2
        assert ("llm_at_test_acc" in metrics) == arm.startswith("ellagnn-")
        assert 0 <= metrics["test_acc"]["mean"] <= 1
        assert metrics["gradient_flow"]["mean"] > 0
        assert metrics["dirichlet_energy"]["mean"] >= 0
        assert 0 <= metrics["mad"]["mean"] <= 2
    assert result.details["baseline"] == "gcn-2"


def test_rows_name_their_arm_and_hold_its_means(result, tmp_path):
    study = result.details["study"]
    assert study["kind"] == "depth"
    rows = {row["arm"]: row for row in study["rows"]}
    assert set(rows) == set(result.arms)
    row = rows["ellagnn-gcn-4"]
    assert (row["network"], row["backbone"]) == ("ellagnn-gcn", "gcn")
    assert (row["depth"], row["enhanced"]) == (4, True)
    assert rows["gcn-4"]["enhanced"] is False
    for name, entry in result.arms["ellagnn-gcn-4"].items():
        assert row[name] == entry["mean"]
    flow = sum(row["flow_curve"]) / len(row["flow_curve"])
    first = result.arms["ellagnn-gcn-4"]["gradient_flow"]["values"][0]
    assert flow == pytest.approx(first)
    path = result.save(tmp_path / "result.json")
    assert type(result).load(path).details == result.details


def test_a_deep_gcn_smooths_what_gcnii_keeps_apart(graph):
    graph.x = graph.noisy
    training = replace(SMALL, epochs=2)
    arm = Arm(graph, {"free": False})
    gcn, gcnii = (train_deep(arm, n, 24, 0, training) for n in ("gcn", "gcnii"))
    for measure in ("mad", "dirichlet_energy"):
        assert gcn[measure] < 0.1 * gcnii[measure]


def test_plain_networks_do_not_see_the_enhanced_features(graph):
    options = {"backbones": ("gcn",), "depths": (2,), "seeds": (0,)}
    first = run(graph, **options)
    graph.clean = torch.zeros_like(graph.clean)
    second = run(graph, **options)
    assert first.arms["gcn-2"] == second.arms["gcn-2"]
    assert first.arms["ellagnn-gcn-2"] != second.arms["ellagnn-gcn-2"]


def test_a_finished_training_is_not_repeated(graph, tmp_path, monkeypatch):
    ledger = Ledger(tmp_path / "runs.jsonl")
    options = {"backbones": ("gcn",), "depths": (2,), "seeds": (0,)}
    first = run(graph, **options, ledger=ledger)
    trained = []

    def train(*arguments):
        trained.append(arguments[1:4])
        return train_deep(*arguments)

    monkeypatch.setattr("graphllm.experiments.depth.train_deep", train)
    again = run(graph, **options, ledger=Ledger(tmp_path / "runs.jsonl"))
    assert trained == []
    assert again.arms == first.arms
    assert again.details == first.details
    run(graph, **{**options, "depths": (2, 3)}, ledger=ledger)
    assert trained == [("gcn", 3, 0)] * 2


def test_progress_and_the_callers_random_state(graph):
    seen = []
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    run(
        graph,
        backbones=("gcn",),
        depths=(2,),
        seeds=(0,),
        progress=lambda *step: seen.append(step),
    )
    assert torch.equal(torch.rand(3), expected)
    assert seen == [("train", 1, 2), ("train", 2, 2)]


def test_the_measures_are_those_of_the_best_epoch_without_the_llm(graph):
    enhanced = enhance(graph)
    arm = Arm(enhanced, {"llm": True, "free": False})
    cell = train_deep(arm, "gcn", 2, 0, SMALL)
    assert len(cell["flow"]) == 5
    other = Arm(enhanced, {"free": False})
    assert train_deep(other, "gcn", 2, 0, SMALL)["mad"] == cell["mad"]


def test_the_gcn_of_the_study_is_the_gcn(graph):
    torch.manual_seed(0)
    ours = deep_network("gcn", 4, 3, 3, SMALL).eval()
    torch.manual_seed(0)
    theirs = ELLaGNN("gcn", 3, 8, 3, 4).eval()
    out = theirs(graph.noisy, graph.edge_index)
    assert torch.allclose(ours(graph.noisy, graph.edge_index), out, atol=1e-6)
    normed = deep_network("resgcn_norm", 4, 3, 3, SMALL).backbone
    assert normed.residual
    assert normed.norm == "batch"


def test_what_the_last_layer_reads(graph):
    graph.x = graph.noisy
    gcn = ELLaGNN("gcn", 3, 8, 3, 2)
    first = gcn.backbone.convs[0]
    expected = first(graph.x, graph.edge_index).relu()
    assert torch.allclose(last_hidden(gcn, graph), expected)
    gcnii = ELLaGNN("gcnii", 3, 8, 3, 2)
    hidden = last_hidden(gcnii, graph)
    out = gcnii.eval()(graph.x, graph.edge_index)
    assert torch.allclose(gcnii.backbone.lin_out(hidden), out)
    assert not any(module._forward_pre_hooks for module in gcnii.modules())


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_every_backbone_has_something_to_read(name, graph):
    graph.x = graph.noisy
    hidden = last_hidden(ELLaGNN(name, 3, 8, 3, 3), graph)
    assert hidden.size(0) == 60
    assert all(math.isfinite(value) for value in hidden.flatten().tolist())


def test_a_backbone_without_convolutions_has_no_depth_to_study(graph):
    with pytest.raises(ValueError, match="no graph convolution with weights"):
        run(graph, backbones=("mlp",), depths=(2,))


@pytest.mark.parametrize("depths", [(), (2, 0)])
def test_depths_are_numbers_of_layers(depths, graph):
    with pytest.raises(ValueError, match="'depths' must be numbers of layers"):
        run(graph, depths=depths)
