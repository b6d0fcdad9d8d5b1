import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Data

from graphllm.errors import GraphLLMError
from graphllm.selection import PageRankSelector, SelectionContext
from graphllm.testing import assert_selector

CONTEXT = SelectionContext()
EXACT = {"num_iterations": 1000, "tol": 1e-14}


def pagerank(edges, num_nodes, **arguments):
    edge_index = torch.tensor(edges, dtype=torch.long).view(-1, 2).t()
    data = Data(edge_index=edge_index, num_nodes=num_nodes)
    return PageRankSelector(**{**EXACT, **arguments}).score(data, CONTEXT)


def reference(graph, alpha=0.85):
    # Below 1e-14 rounding keeps the last digits moving, and networkx never stops.
    rank = nx.pagerank(graph, alpha=alpha, tol=1e-14, max_iter=20_000)
    return torch.tensor([rank[i] for i in range(len(graph))], dtype=torch.double)


def multigraph(edges, num_nodes):
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(range(num_nodes))
    graph.add_edges_from(edges)
    return graph


def test_contract():
    assert_selector(PageRankSelector())


@settings(max_examples=60, deadline=None)
@given(
    num_nodes=st.integers(1, 12),
    raw=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=40),
    alpha=st.sampled_from([0.0, 0.5, 0.85, 0.99]),
)
def test_networkx_on_any_directed_multigraph(num_nodes, raw, alpha):
    # Open draws: self loops, duplicates, dangling and isolated nodes all occur.
    edges = [(a % num_nodes, b % num_nodes) for a, b in raw]
    # At alpha 0.99 it takes long for the last digits to settle.
    score = pagerank(edges, num_nodes, alpha=alpha, num_iterations=4000)
    expected = reference(multigraph(edges, num_nodes), alpha)
    assert torch.allclose(score, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_networkx_on_undirected_graphs(seed):
    graph = nx.gnp_random_graph(80, 0.03, seed=seed)
    graph.add_edges_from([(0, 0), (5, 5)])
    assert any(degree == 0 for _, degree in graph.degree)
    edges = [e for a, b in graph.edges for e in {(a, b), (b, a)}]
    assert torch.allclose(pagerank(edges, 80), reference(graph), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "edges",
    [
        [(0, 1), (0, 1), (0, 2), (3, 0)],  # duplicate; 1 and 2 dangle; 4 isolated
        [(0, 0), (1, 1), (2, 1)],
        [],
        [(0, 1), (1, 2), (2, 3), (3, 4)],
    ],
    ids=["duplicates", "self loops", "no edges", "path"],
)
def test_networkx_on_the_hard_cases(edges):
    expected = reference(multigraph(edges, 5))
    assert torch.allclose(pagerank(edges, 5), expected, rtol=0, atol=1e-12)


def test_by_hand():
    # 0 -> 1, and 1 dangles. With a = 0.85 and r0 + r1 = 1:
    # r0 = a * r1 / 2 + (1 - a) / 2, hence r0 = 0.5 / (1 + a / 2).
    score = pagerank([(0, 1)], 2)
    r0 = 0.5 / (1 + 0.85 / 2)
    assert score.tolist() == pytest.approx([r0, 1 - r0], abs=1e-12)


def test_one_iteration_by_hand():
    # From (1/3, 1/3, 1/3): nodes 1 and 2 dangle and give 2/9 to everyone.
    score = pagerank([(0, 1), (0, 2)], 3, alpha=0.5, num_iterations=1)
    base = 0.5 * 2 / 9 + 0.5 / 3
    assert score.tolist() == pytest.approx([base, base + 1 / 12, base + 1 / 12])


def test_a_duplicated_edge_carries_twice_the_mass():
    score = pagerank([(0, 1), (0, 1), (0, 2)], 3)
    assert score[1] > score[2]
    twice = pagerank([(0, 1), (0, 2)] * 2, 3)
    assert torch.allclose(twice, pagerank([(0, 1), (0, 2)], 3))


def test_the_order_of_the_edges_changes_no_bit(sbm):
    order = torch.randperm(sbm.num_edges)
    before = PageRankSelector().score(sbm, CONTEXT)
    sbm.edge_index = sbm.edge_index[:, order]
    assert torch.equal(before, PageRankSelector().score(sbm, CONTEXT))


def test_it_is_a_distribution_and_within_tolerance_of_the_fixed_point(sbm):
    sbm.edge_index = sbm.edge_index[:, sbm.edge_index[0] < sbm.edge_index[1]]
    exact = reference(multigraph(sbm.edge_index.t().tolist(), 60))
    for tol in (1e-2, 1e-4, 1e-8):
        score = PageRankSelector(tol=tol).score(sbm, CONTEXT)
        assert score.sum().item() == pytest.approx(1.0, abs=1e-12)
        # Geometric tail: after a change below tol, at most tol * a / (1 - a) is left.
        assert (score - exact).abs().sum() <= tol * 0.85 / 0.15
    loose = PageRankSelector(tol=1e-2).score(sbm, CONTEXT)
    assert (loose - exact).abs().sum() > 1e-6  # it did stop early


def test_the_hub_of_a_star_comes_first():
    edges = [(leaf, 3) for leaf in range(6) if leaf != 3]
    data = Data(
        edge_index=torch.tensor(edges).t(), num_nodes=6, train_mask=torch.ones(6).bool()
    )
    assert PageRankSelector()(data, 1).tolist() == [3]
    # The leaves tie exactly and come by id.
    assert PageRankSelector()(data, 3).tolist() == [0, 1, 3]


@pytest.mark.parametrize(
    "arguments",
    [
        {"alpha": 1.0},
        {"alpha": -0.1},
        {"alpha": np.nan},
        {"num_iterations": 0},
        {"tol": -1.0},
        {"tol": np.nan},
    ],
)
def test_arguments_out_of_range(arguments):
    with pytest.raises(GraphLLMError, match=f"'{next(iter(arguments))}' must be"):
        PageRankSelector(**arguments)
