import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphllm.kernels.row_topk import group_rows, row_topk
from graphllm.sparsify.symmetric import (
    combine,
    nearest_total,
    reverse_edges,
    row_place,
)

EDGES = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5)).filter(lambda e: e[0] != e[1]),
    max_size=30,
)


def brute_force_partners(edges):
    copies, place = {}, {}
    for position, edge in enumerate(edges):
        number = copies[edge] = copies.get(edge, -1) + 1
        place[(*edge, number)] = position
    seen, partners = {}, []
    for position, (u, v) in enumerate(edges):
        number = seen[u, v] = seen.get((u, v), -1) + 1
        partners.append(place.get((v, u, number), position))
    return partners


@settings(max_examples=80, deadline=None)
@given(EDGES)
def test_partners(edges):
    edge_index = torch.tensor(edges, dtype=torch.long).view(-1, 2).t()
    partner = reverse_edges(edge_index, 6)
    assert partner.tolist() == brute_force_partners(edges)
    assert torch.equal(partner[partner], torch.arange(len(edges)))


def test_places_are_those_of_row_topk():
    generator = torch.Generator().manual_seed(0)
    row = torch.randint(0, 9, (80,), generator=generator)
    score = torch.randint(0, 4, (80,), generator=generator).float()  # many ties
    rows = group_rows(row, 10)
    place = row_place(score, rows)
    for count in range(12):
        budget = torch.full((10,), count)
        assert torch.equal(place < count, row_topk(score, rows, budget))


def star_and_tail(kind, min_edges=1):
    """Node 0 has the neighbours 1, 2, 3; node 3 has a second one, 4."""
    edges = [(1, 0), (2, 0), (3, 0), (0, 1), (0, 2), (0, 3), (4, 3), (3, 4)]
    edge_index = torch.tensor(edges).t()
    # Node 0 prefers 1, then 2, then 3; node 3 prefers 4 to 0.
    score = torch.tensor([3.0, 2.0, 1.0, 0.0, 0.0, 1.0, 2.0, 0.0])
    rows = group_rows(edge_index[1], 5)
    budget = torch.tensor([2, 1, 1, 2, 1])
    kept = combine(
        kind,
        row_place(score, rows),
        budget,
        rows.degree(),
        edge_index[1],
        reverse_edges(edge_index, 5),
        min_edges,
    )
    pairs = {tuple(sorted(e)) for e, k in zip(edges, kept.tolist(), strict=True) if k}
    assert 2 * len(pairs) == int(kept.sum())  # both directions or neither
    return pairs


def test_combinations_by_hand():
    # Node 0 keeps 1 and 2, every other node keeps all; they disagree on 0-3 only.
    agreed = {(0, 1), (0, 2), (3, 4)}
    assert star_and_tail("union") == agreed | {(0, 3)}
    assert star_and_tail("intersection") == agreed
    # Margins (2 - 2 - 0.5) / 3 and (2 - 1 - 0.5) / 2.
    assert star_and_tail("mean") == agreed | {(0, 3)}


def disagreement(kind, budgets, min_edges=0):
    """Whether the edge 0-1 stays: third of four for node 0, first of two for node 1."""
    edges = [(1, 0), (2, 0), (3, 0), (4, 0), (0, 1), (5, 1)]
    edge_index = torch.tensor(edges).t()
    score = torch.tensor([2.0, 4.0, 3.0, 1.0, 2.0, 1.0])
    rows = group_rows(edge_index[1], 6)
    budget = torch.zeros(6, dtype=torch.long)
    budget[:2] = torch.tensor(budgets)
    partner = reverse_edges(edge_index, 6)
    owner = edge_index[1]
    place = row_place(score, rows)
    kept = combine(kind, place, budget, rows.degree(), owner, partner, min_edges)
    assert bool(kept[0]) == bool(kept[4])
    return bool(kept[0])


def test_ends_that_disagree():
    assert disagreement("union", (2, 1))
    assert not disagreement("intersection", (2, 1))
    assert disagreement("intersection", (2, 1), min_edges=1)
    # Margins (2 - 2 - 0.5) / 4 and (1 - 0 - 0.5) / 2, then (0 - 2 - 0.5) / 4.
    assert disagreement("mean", (2, 1))
    assert not disagreement("mean", (0, 1))
    assert disagreement("mean", (0, 1), min_edges=1)


def test_one_way_edges_follow_their_only_judge():
    edge_index = torch.tensor([[1, 2, 3], [0, 0, 0]])
    rows = group_rows(edge_index[1], 4)
    place = row_place(torch.tensor([1.0, 3.0, 2.0]), rows)
    budget, partner = torch.tensor([2, 0, 0, 0]), reverse_edges(edge_index, 4)
    for kind in ("union", "intersection", "mean"):
        kept = combine(kind, place, budget, rows.degree(), edge_index[1], partner)
        assert kept.tolist() == [False, True, True]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 30), st.integers(1, 5))
def test_the_nearest_total_is_found(goal, step):
    def keep(total):
        return torch.arange(30) < total // step * step

    best = min(abs(total // step * step - goal) for total in range(31))
    mask = nearest_total(keep, goal, 30)
    assert abs(int(mask.sum()) - goal) == best
