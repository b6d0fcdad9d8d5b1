from itertools import product

import pytest
import torch

from graphllm.loader.subgraphs.inclusion import of_counts, of_independent_draws


def by_enumeration(outcomes, probability, num_draws, ends):
    """Every sequence of draws with what it brings in, summed up."""
    node = torch.zeros(4, dtype=torch.double)
    edge = torch.zeros(ends.size(1), dtype=torch.double)
    for sequence in product(range(len(outcomes)), repeat=num_draws):
        chance = torch.tensor([probability[i] for i in sequence]).prod()
        held = {v for i in sequence for v in outcomes[i]}
        node[list(held)] += chance
        inside = [u in held and v in held for u, v in ends.t().tolist()]
        edge[inside] += chance
    return node, edge


@pytest.mark.parametrize("num_draws", [1, 2, 4])
def test_draws_of_nodes_by_enumeration(num_draws):
    q = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.double)
    ends = torch.tensor([[0, 1, 3, 2], [1, 2, 3, 0]])
    both = torch.where(ends[0] == ends[1], q[ends[0]], 0.0)
    found = of_independent_draws(q, both, ends, num_draws)
    node, edge = by_enumeration([[0], [1], [2], [3]], q, num_draws, ends)
    assert torch.allclose(found.node, node)
    assert torch.allclose(found.edge, edge)


@pytest.mark.parametrize("num_draws", [1, 2, 4])
def test_draws_of_edges_by_enumeration(num_draws):
    ends = torch.tensor([[0, 1, 1, 2, 3], [1, 0, 2, 3, 3]])
    q = torch.tensor([0.1, 0.2, 0.3, 0.25, 0.15], dtype=torch.double)
    node = torch.tensor([0.3, 0.6, 0.55, 0.4], dtype=torch.double)
    both = torch.tensor([0.3, 0.3, 0.3, 0.25, 0.4], dtype=torch.double)
    found = of_independent_draws(node, both, ends, num_draws)
    expected = by_enumeration(ends.t().tolist(), q, num_draws, ends)
    assert torch.allclose(found.node, expected[0])
    assert torch.allclose(found.edge, expected[1])


def test_rare_nodes_keep_their_digits():
    q = torch.full((2,), 1e-9, dtype=torch.double)
    ends = torch.tensor([[0], [1]])
    found = of_independent_draws(q, torch.zeros(1, dtype=torch.double), ends, 10_000)
    assert float(found.node[0]) == pytest.approx(1e-5, rel=1e-4)
    assert float(found.edge) == pytest.approx(1e-10, rel=1e-3)


def test_certain_and_impossible_nodes():
    q = torch.tensor([1.0, 0.0], dtype=torch.double)
    ends = torch.tensor([[0, 1], [0, 1]])
    found = of_independent_draws(q, q, ends, 3)
    assert found.node.tolist() == [1.0, 0.0]
    assert found.edge[0] == 1
    assert found.edge_factor(ends[1]).tolist() == [1.0, 0.0]
    assert found.loss_weight(2).isfinite().all()


def test_weights_by_hand():
    found = of_counts(torch.tensor([4, 2, 0]), torch.tensor([2, 0]), 8)
    assert found.node.tolist() == [0.5, 0.25, 0.125]
    assert found.edge.tolist() == [0.25, 0.125]
    assert found.edge_factor(torch.tensor([0, 1])).tolist() == [2.0, 2.0]
    assert found.loss_weight(2).tolist() == [1.0, 2.0, 4.0]


def test_factors_are_bounded():
    found = of_counts(torch.tensor([10**6]), torch.tensor([1]), 10**6)
    assert found.edge_factor(torch.tensor([0])).tolist() == [1e4]
