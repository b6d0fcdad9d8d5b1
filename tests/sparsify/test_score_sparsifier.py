from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Batch, Data
from torch_geometric.utils import erdos_renyi_graph, is_undirected

from graphllm.errors import BudgetError, GraphLLMError, UnknownNameError
from graphllm.sparsify.criteria import jaccard, random_score
from graphllm.sparsify.score_sparsifier import ScoreSparsifier
from graphllm.testing import assert_sparsifier

by_chance = partial(random_score, seed=7)


def by_ids(edge_index, num_nodes, x=None):
    """Higher ids score higher, and both directions alike."""
    return edge_index.float().sum(0)


def equal(edge_index, num_nodes, x=None):
    return torch.zeros(edge_index.size(1))


def random_graph(num_nodes, num_edges, directed, seed):
    generator = torch.Generator().manual_seed(seed)
    edge_index = torch.randint(num_nodes, (2, num_edges), generator=generator)
    if not directed:
        edge_index = torch.cat([edge_index, edge_index.flip(0)], dim=1)
    return edge_index


def mask_of(sparsifier, edge_index, num_nodes, batch=None):
    x = torch.ones(num_nodes, 1)
    return sparsifier(x, edge_index, batch=batch).edge_mask.bool()


def judged(edge_index):
    return edge_index[0] != edge_index[1]


def pairs_of(edge_index, where):
    columns = edge_index[:, where].t().tolist()
    return {tuple(sorted(column)) for column in columns}


graphs = {
    "num_nodes": st.integers(1, 12),
    "num_edges": st.integers(0, 40),
    "directed": st.booleans(),
    "sparsity": st.sampled_from([0.0, 0.1, 0.25, 0.3, 0.5, 0.8, 1.0]),
    "seed": st.integers(0, 10**6),
}


@settings(max_examples=25, deadline=None)
@given(**graphs)
def test_single_columns_meet_the_budget_of_the_graph(
    num_nodes, num_edges, directed, sparsity, seed
):
    edge_index = random_graph(num_nodes, num_edges, directed, seed)
    sparsifier = ScoreSparsifier(by_chance, sparsity, symmetric=False)
    mask = mask_of(sparsifier, edge_index, num_nodes)
    inner = judged(edge_index)
    total = int(inner.sum())
    hundredths = round(100 * sparsity)
    assert int(mask[inner].sum()) == total - -(-hundredths * total // 100)
    assert mask[~inner].all()
    score = by_chance(edge_index, num_nodes)
    if 0 < mask[inner].sum() < total:
        assert score[mask & inner].min() >= score[~mask].max()


@settings(max_examples=25, deadline=None)
@given(**graphs)
def test_pairs_stay_or_go_together_best_first_while_they_fit(
    num_nodes, num_edges, directed, sparsity, seed
):
    edge_index = random_graph(num_nodes, num_edges, directed, seed)
    mask = mask_of(ScoreSparsifier(by_chance, sparsity), edge_index, num_nodes)
    inner = judged(edge_index)
    kept, removed = pairs_of(edge_index, mask & inner), pairs_of(edge_index, ~mask)
    assert not kept & removed
    columns = [tuple(sorted(column)) for column in edge_index[:, inner].t().tolist()]
    score = by_chance(edge_index, num_nodes)[inner].tolist()
    ranked = sorted(set(zip(score, columns, strict=True)), reverse=True)
    room = len(columns) - -(-round(100 * sparsity) * len(columns) // 100)
    expected = set()
    for _, pair in ranked:
        room -= columns.count(pair)
        if room < 0:
            break
        expected.add(pair)
    assert kept == expected


def test_a_simple_undirected_graph_loses_its_share_of_pairs():
    edge_index = erdos_renyi_graph(30, 0.3)
    num_pairs = edge_index.size(1) // 2
    for sparsity in (0.1, 0.3, 0.5, 0.9):
        mask = mask_of(ScoreSparsifier(jaccard, sparsity), edge_index, 30)
        removed = -(-round(10 * sparsity) * num_pairs // 10)
        assert int(mask.sum()) == 2 * (num_pairs - removed)
        assert is_undirected(edge_index[:, mask])


@pytest.mark.parametrize("symmetric", [True, False])
def test_kept_overrides_the_sparsity(symmetric):
    edge_index = erdos_renyi_graph(30, 0.3)
    looped = torch.cat([edge_index, torch.arange(30).repeat(2, 1)], dim=1)
    sparsifier = ScoreSparsifier(by_chance, 0.9, symmetric=symmetric)
    for kept in (0, 10, 57, edge_index.size(1)):
        sparsifier.kept = kept
        mask = mask_of(sparsifier, looped, 30)
        assert mask[-30:].all()
        assert int(mask[:-30].sum()) == kept - (kept % 2 if symmetric else 0)


def test_edges_of_each_node_by_hand():
    # Into 0: from 1, 2, 3, 4. Into 1: from 0. Into 2: from 0 and 1.
    edge_index = torch.tensor([[1, 2, 3, 4, 0, 0, 1], [0, 0, 0, 0, 1, 2, 2]])
    options = {"scope": "node", "symmetric": False}
    mask = mask_of(ScoreSparsifier(by_ids, 0.5, **options), edge_index, 5)
    assert mask.tolist() == [0, 0, 1, 1, 0, 0, 1]
    mask = mask_of(ScoreSparsifier(by_ids, 0.5, min_edges=1, **options), edge_index, 5)
    assert mask.tolist() == [0, 0, 1, 1, 1, 0, 1]
    # What one end wants, both directions get: 2 -> 1 is not there.
    mask = mask_of(ScoreSparsifier(by_ids, 0.5, "node", min_edges=1), edge_index, 5)
    assert mask.tolist() == [1, 0, 1, 1, 1, 0, 1]


@settings(max_examples=25, deadline=None)
@given(min_edges=st.integers(0, 3), **graphs)
def test_every_node_meets_its_budget(
    min_edges, num_nodes, num_edges, directed, sparsity, seed
):
    edge_index = random_graph(num_nodes, num_edges, directed, seed)
    options = {"scope": "node", "min_edges": min_edges}
    single = ScoreSparsifier(by_chance, sparsity, symmetric=False, **options)
    mask = mask_of(single, edge_index, num_nodes)
    score = by_chance(edge_index, num_nodes)
    for node in range(num_nodes):
        mine = judged(edge_index) & (edge_index[1] == node)
        degree = int(mine.sum())
        budget = degree - -(-round(100 * sparsity) * degree // 100)
        assert int(mask[mine].sum()) == max(budget, min(min_edges, degree))
        if 0 < mask[mine].sum() < degree:
            assert score[mask & mine].min() >= score[mine & ~mask].max()
    union = mask_of(ScoreSparsifier(by_chance, sparsity, **options), edge_index, 12)
    inner = judged(edge_index)
    assert pairs_of(edge_index, union & inner) == pairs_of(edge_index, mask & inner)
    assert not pairs_of(edge_index, union & inner) & pairs_of(edge_index, ~union)


def test_kept_is_shared_out_among_nodes():
    edge_index = erdos_renyi_graph(30, 0.3)
    for kept in (40, 111):
        sparsifier = ScoreSparsifier(by_chance, 0.5, "node", False, 1, kept)
        mask = mask_of(sparsifier, edge_index, 30)
        assert int(mask.sum()) == kept
        assert (edge_index[1, mask].bincount(minlength=30) >= 1).all()


def test_every_node_keeps_its_least_number_first():
    edge_index = erdos_renyi_graph(40, 0.3)
    degree = edge_index[1].bincount(minlength=40)
    mask = mask_of(ScoreSparsifier(by_ids, 0.6, min_edges=2), edge_index, 40)
    left = edge_index[1, mask].bincount(minlength=40)
    assert (left >= degree.clamp(max=2)).all()
    num_pairs = edge_index.size(1) // 2
    assert int(mask.sum()) == 2 * (num_pairs - -(-6 * num_pairs // 10))
    plain = mask_of(ScoreSparsifier(by_ids, 0.6), edge_index, 40)
    assert edge_index[1, plain].bincount(minlength=40).min() < 2


def test_the_least_number_goes_before_the_sparsity():
    # A path: whatever is asked for, each node's best edge stays. Ids grow, so that
    # each node but the last wants the next one.
    path = torch.tensor([[0, 1, 2, 3, 1, 2, 3, 4], [1, 2, 3, 4, 0, 1, 2, 3]])
    assert mask_of(ScoreSparsifier(by_ids, 1.0, min_edges=1), path, 5).all()
    single = ScoreSparsifier(by_ids, 1.0, symmetric=False, min_edges=1)
    assert mask_of(single, path, 5).tolist() == [0, 0, 0, 1, 1, 1, 1, 1]
    assert not mask_of(ScoreSparsifier(by_ids, 1.0), path, 5).any()


def test_each_graph_of_a_batch_has_a_budget_of_its_own():
    parts = [erdos_renyi_graph(n, 0.5) for n in (9, 4, 15)]
    data = [
        Data(x=torch.ones(n, 1), edge_index=edges)
        for n, edges in zip((9, 4, 15), parts, strict=True)
    ]
    sparsifier = ScoreSparsifier(jaccard, 0.4)
    together = sparsifier.sparsify(Batch.from_data_list(data)).to_data_list()
    for alone, part in zip(data, together, strict=True):
        assert torch.equal(part.edge_index, sparsifier.sparsify(alone).edge_index)
    sparsifier.kept = 20
    assert sparsifier.sparsify(Batch.from_data_list(data)).num_edges == 20


def test_ties_fall_by_the_nodes_not_by_the_order_of_the_edges():
    edge_index = erdos_renyi_graph(20, 0.5)
    order = torch.randperm(edge_index.size(1))
    sparsifier = ScoreSparsifier(equal, 0.5)
    mask = mask_of(sparsifier, edge_index, 20)
    assert torch.equal(mask_of(sparsifier, edge_index[:, order], 20), mask[order])
    # No end of the list is preferred.
    position = mask.nonzero().double().mean() / mask.numel()
    assert 0.4 < position < 0.6


def test_a_mask_has_the_type_of_the_features_and_no_gradient():
    edge_index = erdos_renyi_graph(6, 0.9)
    for x, dtype in (
        (torch.ones(6, 2, dtype=torch.double, requires_grad=True), torch.double),
        (torch.ones(6, 2, dtype=torch.long), torch.float32),
    ):
        mask, loss = ScoreSparsifier(by_ids, 0.5)(x, edge_index)
        assert mask.dtype == dtype
        assert not mask.requires_grad
        assert loss.tolist() == 0.0


@pytest.mark.parametrize(
    "options", [("graph", False, 1), ("node", True, 0), ("node", False, 1)]
)
def test_the_contract(options):
    assert_sparsifier(lambda data: ScoreSparsifier(jaccard, 0.4, *options), local=True)


@pytest.mark.parametrize(
    ("error", "options", "message"),
    [
        (BudgetError, {"sparsity": 1.5}, r"in \[0, 1\] \(got 1.5\)"),
        (BudgetError, {"min_edges": -1}, "'min_edges' must be 0 or more"),
        (UnknownNameError, {"scope": "nodes"}, "unknown scope 'nodes'. Did you mean"),
    ],
)
def test_arguments_out_of_range_are_refused(error, options, message):
    with pytest.raises(error, match=message):
        ScoreSparsifier(jaccard, **{"sparsity": 0.5} | options)


def test_more_edges_than_there_are_cannot_be_kept():
    edge_index = torch.tensor([[0, 1, 1], [1, 0, 1]])
    for kept in (3, -1):
        sparsifier = ScoreSparsifier(jaccard, 0.5, kept=kept)
        with pytest.raises(BudgetError, match=rf"in \[0, 2\], .* \(got {kept}\)"):
            mask_of(sparsifier, edge_index, 2)


def test_a_union_has_no_exact_number_of_edges():
    sparsifier = ScoreSparsifier(jaccard, 0.5, scope="node", kept=4)
    with pytest.raises(GraphLLMError, match=r"'kept' \(4\) .* set symmetric=False"):
        mask_of(sparsifier, torch.tensor([[0, 1], [1, 0]]), 2)
