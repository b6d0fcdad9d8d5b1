import networkx as nx
import numpy as np
import pytest
import torch
from torch_geometric.data import Data

from graphllm.errors import GraphLLMError, TextGraphError
from graphllm.selection import GraphPartSelector, SelectionContext
from graphllm.selection import graphpart as module
from graphllm.selection.bisect import medoid_order
from graphllm.selection.features import canonical_order, smooth
from graphllm.testing import assert_selector

SIZES = (48, 24, 12, 1)


def cliques():
    """Communities of known sizes; one of them a single node."""
    graph = nx.disjoint_union_all([nx.complete_graph(size) for size in SIZES])
    edges = torch.tensor(list(graph.edges)).t()
    both = torch.cat([edges, edges.flip(0)], dim=1)
    return Data(edge_index=both, num_nodes=sum(SIZES))


def part_of():
    return torch.repeat_interleave(torch.arange(len(SIZES)), torch.tensor(SIZES))


def test_contract():
    assert_selector(GraphPartSelector(4))


def test_a_budget_is_shared_by_size():
    context = SelectionContext(features=torch.randn(85, 4))
    for budget in (4, 7, 14, 42):
        chosen = GraphPartSelector()(cliques(), budget, context, pool="all")
        share = torch.bincount(part_of()[chosen], minlength=4)
        exact = budget * torch.tensor(SIZES) / 85
        assert (share - exact).abs().max() <= 1


def test_a_large_community_is_ordered_by_its_medoids(sbm, monkeypatch):
    x = torch.randn(60, 4)
    # Three communities of twenty; the graph reaches louvain in canonical order.
    given = canonical_order(x.numpy()) % 3
    monkeypatch.setattr(module, "louvain", lambda adjacency: given)
    context = SelectionContext(features=x, seed=1)
    score = GraphPartSelector(8).score(sbm, context).numpy()
    z = smooth(x.numpy(), sbm)
    for part in range(3):
        members = np.arange(part, 60, 3)
        order = members[medoid_order(z[members], 8, 1)]
        assert score[order] == pytest.approx(-(np.arange(20) + 0.5) / 20)


def test_small_communities_go_by_the_distance_to_their_mean(tiny, monkeypatch):
    monkeypatch.setattr(module, "louvain", lambda adjacency: np.zeros(6, np.int64))
    tiny.edge_index = tiny.edge_index[:, ::2]
    x = torch.randn(6, 3)
    score = GraphPartSelector().score(tiny, SelectionContext(features=x))
    z = torch.from_numpy(smooth(x.numpy(), tiny))
    distance = (z - z.mean(0)).norm(dim=1)
    assert len(distance.unique()) == 6
    expected = torch.arange(6, dtype=torch.double).add(0.5).div(-6)
    assert torch.allclose(score[distance.argsort()], expected)


def test_direction_does_not_matter_for_the_communities():
    data = cliques()
    data.edge_index = data.edge_index[:, data.edge_index[0] < data.edge_index[1]]
    context = SelectionContext(features=torch.randn(85, 4))
    chosen = GraphPartSelector()(data, 14, context, pool="all")
    share = torch.bincount(part_of()[chosen], minlength=4)
    assert (share - 14 * torch.tensor(SIZES) / 85).abs().max() <= 1


def test_bad_arguments(tiny):
    with pytest.raises(GraphLLMError, match="'max_clusters' must be >= 1"):
        GraphPartSelector(0)
    with pytest.raises(TextGraphError, match="needs features"):
        GraphPartSelector()(tiny, 1)
