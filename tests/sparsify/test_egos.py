import numpy as np
import pytest
import torch

from graphllm.errors import TextGraphError
from graphllm.sparsify import egos
from graphllm.sparsify.egos import induced_egos


def complete(num_nodes):
    """Every node points at every other one."""
    ids = torch.arange(num_nodes)
    pairs = torch.cartesian_prod(ids, ids).t()
    return pairs[:, pairs[0] != pairs[1]]


def star(num_leaves):
    leaves = torch.arange(1, num_leaves + 1)
    center = torch.zeros_like(leaves)
    return torch.stack([torch.cat([leaves, center]), torch.cat([center, leaves])])


def cut(edge_index, num_nodes, masks=None, gates=None, score=None, **options):
    num_edges = edge_index.size(1)
    if masks is None:
        masks = torch.zeros(num_edges, 2, dtype=torch.bool)
    if gates is None:
        gates = torch.full((num_nodes, masks.size(1)), 0.5)
    if score is None:
        score = torch.zeros(num_edges)
    return list(induced_egos(edge_index, num_nodes, masks, gates, score, **options)[1])


def centers(batches):
    return sorted(node for batch in batches for node in batch.node.tolist())


def test_egos_come_in_the_width_they_fit_in():
    # Three cliques, so egos of 8, 9 and 20 nodes.
    parts = [complete(8), complete(9) + 8, complete(20) + 17]
    batches = cut(torch.cat(parts, dim=1), 37, max_ego=20)
    widths = {b.adjacency.size(-1): (b.size.unique().tolist(), b.node) for b in batches}
    assert {width: size for width, (size, _) in widths.items()} == {
        8: [8],
        16: [9],
        32: [20],
    }
    assert widths[16][1].tolist() == list(range(8, 17))
    for batch in batches:
        assert batch.adjacency.shape[:2] == (len(batch.node), 2)
        assert batch.members[:, 0].tolist() == batch.node.tolist()
        assert ((batch.members >= 0).sum(1) == batch.size.numpy()).all()


def test_batches_stay_within_their_memory(monkeypatch):
    edge_index = complete(12)
    masks = torch.rand(edge_index.size(1), 3) < 0.5
    gates = torch.rand(12, 3)
    whole = cut(edge_index, 12, masks, gates)
    matrix = 16 * 16 * 8
    monkeypatch.setattr(egos, "BATCH_BYTES", 3 * 5 * matrix)
    parts = cut(edge_index, 12, masks, gates)
    assert [len(batch.node) for batch in parts] == [5, 5, 2]
    assert len(whole) == 1
    for field in ("node", "size", "gate", "adjacency", "star"):
        joined = torch.cat([getattr(batch, field) for batch in parts])
        assert torch.equal(joined, getattr(whole[0], field))
    joined = np.concatenate([batch.members for batch in parts])
    assert np.array_equal(joined, whole[0].members)


def test_only_the_selected_experts_are_read():
    edge_index = star(3)
    masks = torch.zeros(6, 3, dtype=torch.bool)
    # Into the centre: expert 0 keeps leaf 1, expert 1 leaf 2, expert 2 all.
    masks[0, 0] = masks[1, 1] = True
    masks[:3, 2] = True
    gates = torch.tensor([[0.3, 0.0, 0.7]]).repeat(4, 1)
    (batch,) = cut(edge_index, 4, masks, gates)
    assert batch.node.tolist() == [0]
    torch.testing.assert_close(batch.gate, torch.tensor([[0.7, 0.3]]).double())
    assert batch.adjacency[0, :, 0, :4].tolist() == [[0, 1, 1, 1], [0, 1, 0, 0]]
    assert batch.star.tolist() == [True]


def test_a_node_that_selected_fewer_experts_has_empty_places():
    gates = torch.tensor([[0.4, 0.6], [1.0, 0.0], [0.5, 0.5]])
    masks = torch.ones(6, 2, dtype=torch.bool)
    masks[::2, 0] = False
    masks[1::2] = False
    (batch,) = cut(complete(3), 3, masks, gates)
    place = batch.node.tolist().index(1)
    assert batch.gate[place].tolist() == [1.0, 0.0]
    assert not batch.adjacency[place, 1].any()


def test_nodes_with_nothing_to_weigh_are_left_out():
    # 0 has three in-neighbours, 1 has one (twice), 2 has two, 3 has only itself.
    pairs = [(1, 0), (2, 0), (3, 0), (0, 1), (0, 1), (0, 2), (1, 2), (3, 3)]
    edge_index = torch.tensor(pairs).t()
    nothing = torch.zeros(8, 2, dtype=torch.bool)
    assert centers(cut(edge_index, 4, nothing)) == [0, 2]
    # Node 2 loses no edge by the experts it selected.
    masks = nothing.clone()
    masks[5:7, 0] = True
    gates = torch.tensor([[0.5, 0.5], [0.5, 0.5], [1.0, 0.0], [0.5, 0.5]])
    assert centers(cut(edge_index, 4, masks, gates)) == [0]
    # Losing a loop is nobody's verdict.
    masks = ~nothing
    masks[7] = False
    assert cut(edge_index, 4, masks) == []


def test_only_the_nodes_asked_for():
    asked = torch.tensor([3, 1, 3])
    assert centers(cut(complete(5), 5, nodes=asked)) == [1, 3]
    assert cut(complete(5), 5, nodes=asked[:0]) == []


def test_capped_egos_hold_the_best_neighbours():
    edge_index = star(6)
    score = torch.tensor([0.1, 0.9, 0.3, 0.9, 0.2, 0.5, 0, 0, 0, 0, 0, 0])
    (batch,) = cut(edge_index, 7, score=score, max_ego=4)
    assert batch.members[0].tolist() == [0, 2, 4, 6, -1, -1, -1, -1]
    assert batch.size.tolist() == [4]


def test_an_empty_graph_has_no_egos():
    assert cut(torch.empty(2, 0, dtype=torch.long), 3) == []
    assert cut(torch.empty(2, 0, dtype=torch.long), 0) == []


def test_an_edge_of_no_node_is_refused():
    with pytest.raises(TextGraphError, match=r"ids in \[0, 2\] \(got 7\)"):
        cut(torch.tensor([[0], [7]]), 3, gates=torch.ones(3, 2))
