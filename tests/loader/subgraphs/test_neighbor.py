import pytest
import torch
from torch_geometric.nn import GraphSAGE
from torch_geometric.utils import degree

from graphllm.errors import GraphLLMError
from graphllm.loader import NeighborSampled
from graphllm.loader.subgraphs.neighbor import shuffled_batches
from graphllm.seed import generator


def test_all_neighbours_give_the_output_of_the_whole_graph(graph):
    model = GraphSAGE(4, 8, 2, 3).eval()
    whole = model(graph.x, graph.edge_index)
    for batch in NeighborSampled([-1, -1], 7).bind(graph).epoch(generator(0)):
        out = model(batch.x, batch.edge_index)[: batch.batch_size]
        expected = whole[batch.n_id[: batch.batch_size]]
        torch.testing.assert_close(out, expected, atol=1e-5, rtol=1e-5)
        assert batch.train_mask.nonzero().view(-1).tolist() == list(
            range(batch.batch_size)
        )


def test_the_mean_over_drawn_neighbours_is_unbiased(small, dense):
    """Each of the four edges into node 4 is drawn by two draws half of the time."""
    small.train_mask[:] = torch.arange(5) == 4
    bound = NeighborSampled((2,), 5).bind(small)
    random, hits, count = generator(0), torch.zeros(16), 1000
    for _ in range(count):
        (batch,) = bound.epoch(random)
        assert batch.e_id.numel() == 2
        hits[batch.e_id] += 1
    into = small.edge_index[1] == 4
    assert (hits[into] / count - 0.5).abs().max() < 4 * (0.25 / count) ** 0.5
    assert not hits[~into].any()


def test_neighbours_are_few_and_differ_between_batches(graph):
    graph.train_mask[:] = True
    bound = NeighborSampled((2, 1), 1).bind(graph)
    batches = list(bound.epoch(generator(0)))
    for batch in batches:
        into = degree(batch.edge_index[1], batch.num_nodes)
        assert into[0] <= 2
        assert (into[1:] <= 1).all()
    # node 6 is reached from several seeds: not always by the same edge
    seen = {
        int(batch.e_id[batch.n_id[batch.edge_index[1]] == 6][0])
        for batch in batches[1:]
        if 6 in batch.n_id[batch.edge_index[1]] and batch.n_id[0] != 6
    }
    assert len(seen) > 1


def test_shuffled_batches_by_hand():
    mask = torch.tensor([True, False, True, True])
    batches = [shuffled_batches(mask, 2, generator(seed)) for seed in range(20)]
    assert {tuple(map(len, batch)) for batch in batches} == {(2, 1)}
    orders = {tuple(torch.cat(batch).tolist()) for batch in batches}
    assert len(orders) > 3
    assert {tuple(sorted(order)) for order in orders} == {(0, 2, 3)}


def test_wrong_options():
    with pytest.raises(GraphLLMError, match="'num_neighbors' must list"):
        NeighborSampled(5)
    with pytest.raises(GraphLLMError, match="each -1 or more"):
        NeighborSampled((3, -2))
    with pytest.raises(GraphLLMError, match="'batch_size' must be a whole number"):
        NeighborSampled((3,), 0)
