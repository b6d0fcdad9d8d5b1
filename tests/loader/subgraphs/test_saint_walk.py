import networkx as nx
import pytest
import torch
from torch_geometric.data import Data

from graphllm.errors import GraphLLMError
from graphllm.loader import SaintWalk
from graphllm.seed import generator


def path(*pairs, num_nodes):
    return Data(
        edge_index=torch.tensor(pairs).t(),
        num_nodes=num_nodes,
        y=torch.zeros(num_nodes, dtype=torch.long),
        train_mask=torch.ones(num_nodes, dtype=torch.bool),
    )


def test_walks_go_against_the_edges_and_stop_where_none_come_in():
    graph = path((0, 1), (1, 2), (2, 3), num_nodes=5)
    bound = SaintWalk(1, 2, coverage=0).bind(graph)
    found = {tuple(bound.draw(generator(seed)).tolist()) for seed in range(60)}
    assert found == {(0,), (0, 1), (0, 1, 2), (1, 2, 3), (4,)}


def test_inclusion_of_one_walk_by_powers_of_the_transition_matrix(graph):
    """A walk of one step holds v if it starts there or goes there from elsewhere."""
    bound = SaintWalk(1, 1, coverage=0).bind(graph)
    source, target = graph.edge_index
    step = torch.zeros(60, 60)
    step.index_put_((target, source), torch.ones(source.numel()), accumulate=True)
    step /= step.sum(dim=1, keepdim=True).clamp(min=1)
    expected = (1 + step.fill_diagonal_(0.0).sum(dim=0)) / 60
    hits, random, count = torch.zeros(60), generator(0), 2000
    for _ in range(count):
        hits[bound.draw(random)] += 1
    error = (expected * (1 - expected) / count).sqrt()
    assert ((hits / count - expected).abs() / error).max() < 4.5


def test_walks_are_walks(graph):
    backwards = nx.DiGraph(graph.edge_index.flip(0).t().tolist())
    backwards.add_nodes_from(range(60))
    bound = SaintWalk(1, 3, coverage=0).bind(graph)
    sizes = set()
    for seed in range(40):
        nodes = bound.draw(generator(seed)).tolist()
        inside = backwards.subgraph(nodes)
        assert any(len(nx.descendants(inside, n)) + 1 == len(nodes) for n in nodes)
        sizes.add(len(nodes))
    assert max(sizes) == 4


def test_coverage_estimates_how_often_nodes_and_edges_come(graph):
    options = SaintWalk(8, 2, coverage=150)
    bound = options.bind(graph)
    random, count = generator(11), 1500
    node, edge = torch.zeros(60), torch.zeros(graph.num_edges)
    for _ in range(count):
        nodes = bound.draw(random)
        node[nodes] += 1
        edge[bound.edges_among(nodes)[2]] += 1
    n = int(graph.train_mask.sum())
    torch.testing.assert_close(
        1 / (bound.loss_weight * n), node / count, rtol=0.25, atol=0.0
    )
    expected = (node[bound.target] / edge.clamp(min=1))[edge > 100]
    torch.testing.assert_close(
        bound.edge_factor[edge > 100], expected, rtol=0.4, atol=0.0
    )


def test_the_estimate_is_the_same_for_all(graph):
    weights = [SaintWalk(8).bind(graph).edge_factor for _ in range(2)]
    assert weights[0].equal(weights[1])
    assert SaintWalk(8, coverage=0).bind(graph).edge_factor is None


def test_wrong_options():
    for name in ("num_roots", "walk_length", "num_steps"):
        with pytest.raises(GraphLLMError, match=f"'{name}' must be"):
            SaintWalk(**{name: 0})
    with pytest.raises(GraphLLMError, match="'coverage' must be a whole number, 0 or"):
        SaintWalk(coverage=-1)
