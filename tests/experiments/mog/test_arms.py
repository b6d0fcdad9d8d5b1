import pytest
import torch
from torch_geometric.nn import GCN
from torch_geometric.utils import degree

from graphllm.experiments.mog.arms import (
    BASELINES,
    CRITERION_NAMES,
    NOTES,
    SCORES,
    Joint,
    criteria_of,
    joint_arms,
    levels_around,
    sparsified,
)
from graphllm.sparsify import LearnedMask, MoG, SparsifiedGNN
from graphllm.sparsify.budgets import keep_counts


@pytest.mark.parametrize(
    ("sparsity", "levels"),
    [(0.1, (0.08, 0.1, 0.12)), (0.5, (0.4, 0.5, 0.6)), (0.8, (0.64, 0.8, 0.9))],
)
def test_experts_stand_around_the_target(sparsity, levels):
    assert levels_around(sparsity) == pytest.approx(levels)


def test_levels_of_a_very_sparse_target_stay_in_order():
    low, middle, high = levels_around(0.95)
    assert low < middle <= high < 1.0


def test_names_of_the_experts_are_in_the_order_of_the_gates():
    (joint,) = joint_arms(
        0.4, ["vote"], ["degree", "scan"], k=2, interval=1, singles=False
    )
    # Expert c * S + s is of criterion c and sparsity s.
    assert joint.experts == [
        *("degree 0.32", "degree 0.4", "degree 0.48"),
        *("scan 0.32", "scan 0.4", "scan 0.48"),
    ]


def test_a_single_expert_has_one_criterion_and_one_sparsity():
    arms = joint_arms(0.3, [], ["degree", "scan"], k=2, interval=3, singles=True)
    assert [(arm.family, arm.experts, arm.k) for arm in arms] == [
        ("single_degree", ["degree 0.3"], 1),
        ("single_scan", ["scan 0.3"], 1),
    ]


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("kept", [None, 101])
def test_every_baseline_meets_the_budget_of_another_method(graph, name, kept):
    sparse = SCORES[name](0.5, 3, kept).sparsify(graph)
    wanted = kept or graph.num_edges // 2
    if name == "random_capped" and kept is None:
        wanted = int(keep_counts(degree(graph.edge_index[1]).long(), 0.5).sum())
    # Whole undirected edges: an odd number is missed by one.
    assert wanted - 1 <= sparse.num_edges <= wanted
    again = SCORES[name](0.5, 3, kept).sparsify(graph)
    assert torch.equal(sparse.e_id, again.e_id)


@pytest.mark.parametrize("name", ["random", "forest_fire", "effective_resistance"])
def test_what_is_drawn_is_drawn_anew_for_each_seed(graph, name):
    one, two = (SCORES[name](0.5, seed, None).sparsify(graph).e_id for seed in (0, 1))
    assert not torch.equal(one, two)


@pytest.mark.parametrize("name", CRITERION_NAMES)
def test_every_criterion_scores_every_edge(graph, name):
    gnn = GCN(graph.x.size(1), 4, 2, 3)
    (criterion,) = criteria_of(Joint("mog", 0.3, (name,), (0.3,)), gnn)
    score = criterion(graph.edge_index, graph.num_nodes, graph.x)
    assert score.shape == (graph.num_edges,)
    assert score.std() > 0


def test_what_is_built_is_what_was_asked_for(graph):
    gnn = GCN(graph.x.size(1), 4, 2, 3)
    joint = Joint("mog", 0.4, ("degree", "scan"), (0.2, 0.4), 3, "grassmann", 7)
    model = sparsified(joint, gnn, graph)
    assert isinstance(model, MoG)
    assert model.gnn is gnn
    inner = model.sparsifier
    mixing = inner.mixing
    assert (inner.sparsity, mixing.mix, mixing.interval) == (0.4, "grassmann", 7)
    assert (inner.router.k, inner.router.num_experts) == (3, 4)
    assert inner.symmetric is None
    assert tuple(inner.experts.sparsities) == (0.2, 0.4)


def test_ugs_learns_a_mask_of_this_graph_with_the_budget_of_another(graph):
    model = sparsified(Joint("ugs", 0.4), GCN(graph.x.size(1), 4, 2, 3), graph, 1, 120)
    assert type(model) is SparsifiedGNN
    assert isinstance(model.sparsifier, LearnedMask)
    assert model.sparsify(graph).num_edges == 120


def test_every_family_has_a_note():
    families = {*BASELINES, "dense", "mog", "mog_vote", "mog_gated_mean", "mog_refit"}
    assert families == set(NOTES)
