import pytest
import torch
from torch_geometric.utils import subgraph

from graphllm.errors import GraphLLMError
from graphllm.loader import RandomParts
from graphllm.loader.subgraphs.parts import members
from graphllm.seed import generator


def test_parts_are_of_equal_size_and_new_each_epoch(graph):
    bound = RandomParts(7, 2).bind(graph)
    random = generator(0)
    epochs = [list(bound.node_sets(random)) for _ in range(2)]
    for sets in epochs:
        # 60 nodes in 7 parts: four of 9 and three of 8, two a batch, one left over
        assert [part.numel() for part in sets] == [18, 18, 16, 8]
        assert torch.cat(sets).sort().values.equal(torch.arange(60))
        assert all(part.equal(part.sort().values) for part in sets)
    assert not epochs[0][0].equal(epochs[1][0])


def test_edges_between_the_parts_of_a_batch_are_there(graph):
    graph.train_mask[:] = True
    for batch in RandomParts(6, 3).bind(graph).epoch(generator(1)):
        kept = subgraph(batch.n_id, graph.edge_index, num_nodes=60)[0]
        assert batch.edge_index.size(1) == kept.size(1) > 0


def test_pairs_meet_as_often_as_chance_has_it(graph):
    """Two nodes share a batch of 30 of 60 with probability 29 / 59."""
    bound = RandomParts(10, 5).bind(graph)
    random, together, count = generator(2), torch.zeros(60, 60), 1000
    for _ in range(count):
        group = torch.zeros(60)
        group[next(bound.node_sets(random))] = 1
        together += group.view(-1, 1) == group
    chance = 29 / 59
    error = (chance * (1 - chance) / count) ** 0.5
    pairs = together[*torch.triu_indices(60, 60, 1)] / count
    assert (pairs - chance).abs().max() / error < 4.8


def test_members_by_hand():
    groups = list(members(torch.tensor([2, 0, 2, 3])))
    assert [group.tolist() for group in groups] == [[1], [], [0, 2], [3]]


def test_more_parts_than_nodes_are_parts_of_one(graph):
    graph.train_mask[:] = True
    batches = list(RandomParts(100, 1).bind(graph).epoch(generator(0)))
    assert [batch.num_nodes for batch in batches] == [1] * 60


def test_wrong_options():
    with pytest.raises(GraphLLMError, match="'num_parts' must be"):
        RandomParts(0, 1)
    with pytest.raises(GraphLLMError, match="'parts_per_batch' must be a whole"):
        RandomParts(3, 0)
    with pytest.raises(GraphLLMError, match=r"at most 'num_parts' \(got 4 of 3\)"):
        RandomParts(3, 4)
