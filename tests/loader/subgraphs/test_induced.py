import pytest
import torch
from torch_geometric.utils import subgraph

from graphllm.loader import RandomParts, SaintWalk
from graphllm.loader.subgraphs.induced import InducedSubgraphs
from graphllm.seed import generator


class Given(InducedSubgraphs):
    def __init__(self, data, sets):
        super().__init__(data)
        self.sets = sets

    def node_sets(self, generator):
        return iter(self.sets)


def test_batches_hold_all_edges_among_their_nodes(graph):
    graph.train_mask[:] = True
    sets = [torch.tensor([0, 3, 5, 9, 58]), torch.arange(60), torch.tensor([59])]
    batches = list(Given(graph, sets).epoch(generator(0)))
    assert len(batches) == 3
    for nodes, batch in zip(sets, batches, strict=True):
        _, _, kept = subgraph(
            nodes, graph.edge_index, num_nodes=60, return_edge_mask=True
        )
        assert batch.n_id.equal(nodes)
        assert batch.e_id.sort().values.equal(kept.nonzero().view(-1))
        assert batch.n_id[batch.edge_index].equal(graph.edge_index[:, batch.e_id])
        assert batch.edge_weight.equal(graph.edge_weight[batch.e_id])
        assert batch.train_mask.equal(graph.train_mask[nodes])


def test_sets_without_a_training_node_are_passed_over(graph):
    idle = (~graph.train_mask).nonzero().view(-1)
    busy = torch.arange(10, 40)
    (batch,) = Given(graph, [idle, busy, idle[:0]]).epoch(generator(0))
    assert batch.n_id.equal(busy)


def test_without_weights_there_are_none(graph):
    del graph.edge_weight
    for scheme in (RandomParts(2, 1), SaintWalk(5, coverage=0)):
        for batch in scheme.bind(graph).epoch(generator(0)):
            assert "edge_weight" not in batch
            assert "loss_weight" not in batch


@pytest.mark.parametrize("own", [True, False])
def test_edges_among_some(own, graph):
    bound = Given(graph, [])
    nodes = torch.tensor([3, 9, 20])
    local = bound._blank() if own else None
    for _ in range(2):
        source, target, slot = bound.edges_among(nodes, local)
        ends = torch.stack([nodes[source], nodes[target]])
        assert ends.equal(graph.edge_index[:, bound.csr.edge_ids[slot]])
        assert (ends == torch.tensor([[3], [9]])).all(dim=0).sum() == 2
