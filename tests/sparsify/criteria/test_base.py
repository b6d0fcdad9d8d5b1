import functools

import numpy as np
import pytest
import torch
from torch_geometric.utils import to_undirected

from graphllm.errors import TextGraphError
from graphllm.kernels.edge_ends import both_ends
from graphllm.kernels.undirected import undirected
from graphllm.sparsify.criteria import (
    degree,
    effective_resistance,
    feature_cosine,
    forest_fire,
    jaccard,
    local_degree,
    local_similarity,
    random_score,
    scan,
)
from graphllm.sparsify.criteria.base import best_of_both_ends

CRITERIA = {
    "degree": degree,
    "exact": functools.partial(effective_resistance, method="exact"),
    "feature_cosine": feature_cosine,
    "forest_fire": forest_fire,
    "jaccard": jaccard,
    "jl": functools.partial(effective_resistance, method="jl", num_proj=9),
    "local": functools.partial(effective_resistance, method="local"),
    "local_degree": local_degree,
    "local_similarity": local_similarity,
    "random_score": random_score,
    "resistance": effective_resistance,
    "scan": scan,
}
EVERY = pytest.mark.parametrize("criterion", CRITERIA.values(), ids=CRITERIA)


def some_graph(num_nodes=30):
    """Node 29 is isolated; of the others, some have loops and some edges repeat."""
    random = torch.Generator().manual_seed(0)
    pairs = torch.randint(num_nodes - 1, (2, 110), generator=random)
    return torch.cat([pairs, pairs[:, :9]], 1), torch.randn(num_nodes, 4)


@EVERY
def test_directions_and_repetitions_of_an_edge_score_alike(criterion):
    edge_index, x = some_graph()
    both = torch.cat([edge_index, edge_index.flip(0)], dim=1)
    score = criterion(both, 30, x)
    assert score.shape == (238,)
    assert score.dtype == torch.float32
    assert score.isfinite().all()
    assert torch.equal(score[:119], score[119:])
    assert torch.equal(score[:9], score[110:119])
    assert score.unique().numel() > 4
    # One direction of each edge is the same graph.
    assert torch.equal(criterion(edge_index, 30, x), score[:119])
    once = to_undirected(edge_index)
    of_pair = dict(
        zip(map(tuple, once.t().tolist()), criterion(once, 30, x), strict=True)
    )
    expected = torch.stack([of_pair[pair] for pair in map(tuple, both.t().tolist())])
    assert torch.equal(score, expected)


@EVERY
def test_the_order_of_edges_moves_no_score(criterion):
    edge_index, x = some_graph()
    order = torch.randperm(edge_index.size(1))
    score = criterion(edge_index, 30, x)
    assert torch.equal(criterion(edge_index[:, order], 30, x), score[order])
    strided = edge_index.t().contiguous().t()
    assert torch.equal(criterion(strided, 30, x), score)


@EVERY
def test_graphs_with_next_to_nothing(criterion):
    nothing = torch.empty(2, 0, dtype=torch.long)
    for num_nodes in (0, 1, 5):
        assert criterion(nothing, num_nodes, torch.ones(num_nodes, 2)).shape == (0,)
    loop = torch.tensor([[1, 1], [1, 1]])
    assert criterion(loop, 3, torch.ones(3, 2)).isfinite().all()


@EVERY
def test_neither_edges_nor_features_are_changed(criterion):
    edge_index, x = some_graph()
    before = edge_index.clone(), x.clone()
    criterion(edge_index, 30, x)
    assert torch.equal(edge_index, before[0])
    assert torch.equal(x, before[1])


@EVERY
def test_an_edge_to_nowhere(criterion):
    with pytest.raises(TextGraphError, match=r"\[0, 2\] \(got 3\).*3 nodes"):
        criterion(torch.tensor([[0, 1], [1, 3]]), 3, torch.ones(3, 2))


@pytest.mark.parametrize(
    "name",
    ["degree", "exact", "jaccard", "local", "local_degree", "local_similarity", "scan"],
)
def test_renamed_nodes_keep_the_scores_of_their_edges(name):
    edge_index, _ = some_graph()
    names = torch.randperm(30)
    torch.testing.assert_close(
        CRITERIA[name](names[edge_index], 30), CRITERIA[name](edge_index, 30)
    )


def test_the_better_end_decides():
    pairs = torch.tensor([[0, 1, 2, 2], [1, 2, 0, 2]])
    graph = undirected(pairs, 3)
    # Slots: 0-1, 0-2, 1-0, 1-2, 2-0, 2-1.
    value = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], dtype=np.float32)
    best = best_of_both_ends(value, graph, *both_ends(pairs, 3))
    assert best.tolist() == pytest.approx([0.3, 0.6, 0.5, 0.0])
