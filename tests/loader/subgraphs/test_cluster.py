import pytest
import torch
from torch_geometric.utils import subgraph

from graphllm.errors import GraphLLMError
from graphllm.loader import ClusterParts
from graphllm.loader.subgraphs.partition import partition
from graphllm.seed import generator


def test_batches_are_unions_of_parts_with_the_edges_between_them(graph):
    graph.train_mask[:] = True
    part = partition(graph.edge_index, 60, 6)
    random, groups = generator(0), set()
    bound = ClusterParts(6, 2).bind(graph)
    for _ in range(4):
        for batch in bound.epoch(random):
            here = part[batch.n_id].unique()
            assert here.numel() == 2
            assert batch.num_nodes == torch.isin(part, here).sum()
            kept = subgraph(batch.n_id, graph.edge_index, num_nodes=60)[0]
            assert batch.edge_index.size(1) == kept.size(1)
            groups.add(tuple(here.tolist()))
            crossing = part[batch.n_id[batch.edge_index]]
            groups.update(["between"] * bool((crossing[0] != crossing[1]).any()))
    assert "between" in groups
    assert len(groups) > 4


def test_a_last_batch_takes_what_is_left(graph):
    graph.train_mask[:] = True
    batches = list(ClusterParts(5, 3).bind(graph).epoch(generator(0)))
    assert len(batches) == 2
    assert sum(batch.num_nodes for batch in batches) == 60


def test_another_seed_is_another_partition(graph):
    parts = [ClusterParts(6, 1, seed).bind(graph).part for seed in (0, 0, 1)]
    assert parts[0].equal(parts[1])
    assert not parts[0].equal(parts[2])


def test_wrong_options(graph):
    with pytest.raises(GraphLLMError, match=r"at most 'num_parts' \(got 4 of 3\)"):
        ClusterParts(3, 4)
    with pytest.raises(GraphLLMError, match="'seed' must be a whole number"):
        ClusterParts(3, 1, -1)
    with pytest.raises(GraphLLMError, match="must be at most the 60 nodes of"):
        ClusterParts(61, 1).bind(graph)
